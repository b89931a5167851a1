"""By hand there is no spec: messages name the options that a person typed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from flagos_operator import fetch
from flagos_operator.fetch.cli import Voice
from flagos_operator.fetch.patience import Patience, Trouble
from flagos_operator.fetch.reasons import FetchError, Reason
from flagos_operator.fetch.request import Mirror, Request, check
from flagos_operator.fetch.typed import as_typed
from flagos_operator.fetch.volume import Volume

CODE = sorted(Path(fetch.__path__[0]).glob("*.py"))
REQUEST = Request(
    source="modelscope",
    repo="acme/tiny",
    revision="master",
    destination=Path("/weights/x"),
    mirrors=(Mirror(source="huggingface"),),
)


@pytest.mark.parametrize(
    ("words", "typed"),
    [
        ("check spec.source.modelscope.repo", "check --repo"),
        ("spec.source.huggingface.revision is 'x'", "--revision is 'x'"),
        ("give a token in spec.source.modelscope.tokenSecretRef", "give a token in --token-file"),
        ("narrow spec.source.include", "narrow --include"),
        ("another spec.weights.directory or", "another --destination or"),
        ("spec.source.mirrors[0].huggingface.repo is 'a'", "the repo of --mirror 1 is 'a'"),
        (
            "check spec.source.mirrors[1].modelscope.tokenSecretRef",
            "check the --mirror-token-file of mirror 2",
        ),
    ],
)
def test_a_field_becomes_its_option(words: str, typed: str) -> None:
    assert as_typed(words) == typed


def spoken(code: Path) -> Iterator[str]:
    """Each text of the code, with a number in the place of what it is filled with."""
    for node in ast.walk(ast.parse(code.read_text())):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else 0 for part in node.values)
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("code", CODE, ids=lambda code: code.stem)
def test_no_field_that_is_spoken_of_is_left(code: Path) -> None:
    fields = [words for words in spoken(code) if "spec." in words and "\\" not in words]
    whole = [words for words in fields if not words.endswith("[")]
    assert [words for words in whole if "spec." in as_typed(words)] == ["spec.source"] * (
        code.stem == "request"
    )


@pytest.mark.parametrize("each", REQUEST.hubs)
def test_nor_one_of_a_hub(each: Request) -> None:
    assert "spec." in each.not_seen
    assert "spec." not in as_typed(each.not_seen)


def test_in_a_pod_the_fields_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "termination-log"
    monkeypatch.setenv("FLAGOS_TERMINATION_LOG", str(log))
    assert Voice().scrub("narrow spec.source.include") == "narrow --include"
    log.touch()
    assert Voice().scrub("narrow spec.source.include") == "narrow spec.source.include"


def test_a_place_that_is_for_no_files_is_not_writable() -> None:
    with pytest.raises(FetchError, match=r"cannot write to /proc/\.flagos: ") as failed:
        Volume(root=Path("/proc")).prepare()
    assert failed.value.reason is Reason.VOLUME_NOT_WRITABLE


@pytest.mark.parametrize(("attempts", "words"), [(1, "tried once"), (3, "tried 3 times")])
def test_how_often_it_was_tried_is_said_in_words(attempts: int, words: str) -> None:
    trouble = Trouble(Reason.SOURCE_UNREACHABLE, "silent")
    with pytest.raises(FetchError, match=rf"^silent \({words}\)$"):
        Patience(attempts=attempts).wait(trouble, failures=attempts, random=0.5)


def test_what_was_typed_wrongly_is_named_by_its_option() -> None:
    wrong = Request(source="modelscope", repo="a", revision="m", destination=Path("/x"))
    with pytest.raises(FetchError) as failed:
        check(wrong)
    assert as_typed(failed.value.message) == "--repo is 'a': write <owner>/<name>"
