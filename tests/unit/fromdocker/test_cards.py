from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from flagos_operator.api.outcome import Invalid
from flagos_operator.api.spec import parse
from flagos_operator.desired.given import Meta
from flagos_operator.desired.plan import decide
from flagos_operator.desired.render import render
from tests.golden.examples import DEFAULTS, ROOT, chips
from tests.unit.fromdocker.cards import CARDS, EXPECTED, GIVEN, NAMES, converted, told


def rendered(model: dict, *, name: str) -> str:
    """With one name for all, so that only what was said differs."""
    spec = parse({**model, "metadata": {"name": name}})
    assert not isinstance(spec, Invalid), spec.message
    meta = Meta(namespace="models", name=name, uid="1", generation=1)
    plan = decide(spec, meta=meta, defaults=DEFAULTS, chips=chips())
    assert not isinstance(plan, Invalid), plan.message
    return yaml.safe_dump(list(render(plan)))


@pytest.mark.parametrize("name", NAMES)
def test_a_published_card_comes_to_what_was_reviewed(name: str) -> None:
    assert told(name) == (EXPECTED / f"{name}.yaml").read_text("utf-8")


def test_no_expectation_is_left_of_a_card_that_went() -> None:
    assert sorted(path.name for path in EXPECTED.iterdir()) == [f"{n}.yaml" for n in NAMES]


def test_the_card_of_minicpm_o_renders_as_the_example_written_by_hand() -> None:
    example = yaml.safe_load((ROOT / "examples" / "minicpmo.yaml").read_text())
    found = converted(CARDS / "minicpm-o-4.5-nvidia.txt")
    assert found.model["metadata"]["name"] == example["metadata"]["name"]
    assert rendered(found.model, name="x") == rendered(example, name="x")


@pytest.mark.parametrize("ends", ["\r\n", " \r\n", "  \n", "\t\n"])
@pytest.mark.parametrize("name", NAMES)
def test_line_ends_and_trailing_spaces_change_nothing(
    name: str, ends: str, tmp_path: Path
) -> None:
    text = (CARDS / name).read_text("utf-8")
    file = tmp_path / name
    file.write_bytes(text.replace("\n", ends).encode())
    assert (
        converted(file, *GIVEN.get(name, [])).model
        == converted(CARDS / name, *GIVEN.get(name, [])).model
    )


@pytest.mark.parametrize("name", NAMES)
def test_without_markdown_a_card_says_the_same(name: str, tmp_path: Path) -> None:
    """As a browser copies it: no fences, and headings are words like all others."""
    lines = (CARDS / name).read_text("utf-8").split("\n")
    file = tmp_path / name
    file.write_text("\n".join(line for line in lines if not line.startswith("```")), "utf-8")
    fenced = converted(CARDS / name, *GIVEN.get(name, []))
    plain = converted(file, *GIVEN.get(name, []))
    assert (plain.code, plain.model) == (fenced.code, fenced.model)


@pytest.mark.parametrize("name", NAMES)
def test_a_card_with_prompts_says_the_same(name: str, tmp_path: Path) -> None:
    text = (CARDS / name).read_text("utf-8")
    for word in ("docker run", "docker exec", "vllm serve", "export ", "modelscope "):
        text = text.replace(f"\n{word}", f"\n$ {word}")
    file = tmp_path / name
    file.write_text(text, "utf-8")
    given = GIVEN.get(name, [])
    assert converted(file, *given).model == converted(CARDS / name, *given).model
