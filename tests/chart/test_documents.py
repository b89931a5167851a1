"""README and docs say what is so: chips, links, make targets, chart values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from flagos_operator.api.chip import Chip
from flagos_operator.api.outcome import Invalid
from flagos_operator.api.spec import parse
from flagos_operator.catalog.chips import load_chips
from tests.chart.rendering import CHART, ROOT, Manifest, render

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
README = ROOT / "README.md"
DEFECTS = "## Defects of others"


def privileges(chip: Chip) -> str:
    """What a pod of this chip has beyond an unprivileged one."""
    context = chip.security_context or {}
    if context.get("privileged"):
        return "privileged"
    added = (context.get("capabilities") or {}).get("add") or []
    seccomp = (context.get("seccompProfile") or {}).get("type")
    found = ["root"] if context.get("runAsUser") == 0 else []
    found += added + (["no seccomp"] if seccomp == "Unconfined" else [])
    return ", ".join(found) or "unprivileged"


def chip_table() -> str:
    chips = load_chips()
    assert isinstance(chips, Mapping), chips
    lines = ["| `chip` | resource | devices in one | pods run |", "|---|---|---|---|"]
    for name, chip in chips.items():
        resource = f"`{chip.resource_name}`" if chip.resource_name else "none"
        count = str(chip.devices_per_resource) if chip.resource_name else "-"
        lines.append(f"| `{name}` | {resource} | {count} | {privileges(chip)} |")
    return "\n".join(lines)


def test_the_readme_lists_the_chips_that_there_are() -> None:
    found = re.search(
        r"<!-- chips: .*? -->\n(.*?)\n<!-- /chips -->", README.read_text(), re.DOTALL
    )
    assert found
    assert found[1] == chip_table(), f"the table should be\n{chip_table()}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(#[^)\s]*)?\)", page.read_text())
    missing = [link for link, _ in links if not (page.parent / link).exists()]
    assert missing == []
    lost = [
        link + anchor
        for link, anchor in links
        if anchor and anchor[1:] not in set(anchors(page.parent / link))
    ]
    assert lost == []


def anchors(page: Path) -> Iterator[str]:
    for heading in re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE):
        yield re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    text = page.read_text()
    said = re.findall(r"(?:`|^)make ((?:-s )?[a-z-]+(?: [a-z-]+)*)(?=[`\s])", text, re.MULTILINE)
    targets = {word for words in said for word in words.split() if not word.startswith("-")}
    known = set(re.findall(r"^([a-z -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert targets - {name for names in known for name in names.split()} == set()


def values(tree: Manifest, prefix: str = "") -> Iterator[str]:
    for key, value in tree.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from values(value, f"{prefix}{key}.")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_chart_value_that_is_named_exists(page: Path) -> None:
    known = set(values(yaml.safe_load((CHART / "values.yaml").read_text())))
    text = page.read_text()
    said = re.findall(r"--set(?:-json)? '?([A-Za-z.]+)=", text)
    said += re.findall(r"`((?:image|operand|crds|rbac|metrics|admissionPolicy)\.[A-Za-z.]+)", text)
    assert set(said) - known == set()


@pytest.mark.parametrize("page", [ROOT / "docs" / "install.md"], ids=["install.md"])
def test_the_values_that_are_shown_are_taken(page: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        assert render(yaml.safe_load(block))


def test_the_chip_that_is_shown_is_a_chip() -> None:
    shown = re.findall(
        r"```yaml\n(chips:.*?)```", (ROOT / "docs/install.md").read_text(), re.DOTALL
    )
    chips = load_chips(yaml.safe_load(shown[0])["chips"])
    assert isinstance(chips, Mapping), chips
    assert "my-chip" in chips


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 130


def test_the_object_that_the_readme_opens_with_is_accepted() -> None:
    shown = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    parsed = parse(yaml.safe_load(shown[0]))
    assert not isinstance(parsed, Invalid), parsed


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_file_that_is_named_exists(page: Path) -> None:
    """Paths from the root of the project, in backticks."""
    roots = "charts|crds|docs|examples|operator|requirements|testbed|tests"
    said = re.findall(rf"`((?:{roots})/[^`\s<>*]*)`", page.read_text())
    assert [path for path in said if not (ROOT / path).exists()] == []


def defects() -> Iterator[tuple[str, list[Path]]]:
    """Each row of both tables: its public issues, and the tests that hold it off or none yet."""
    for row in (ROOT / "docs/testing.md").read_text().partition(DEFECTS)[2].splitlines():
        if row.startswith("| ") and not row.startswith("| defect"):
            seen, held = row.split(" | ", 2)[1:]
            yield seen, [ROOT / path for path in re.findall(r"`(tests/[^`]+)`", held)]


def test_every_public_issue_is_named_by_a_test_that_holds_it_off() -> None:
    held = [(re.findall(r"#\d+", seen), paths) for seen, paths in defects() if paths]
    assert held
    for issues, paths in held:
        text = "".join(path.read_text() for path in paths)
        assert [each for each in issues if each not in text] == []


def test_every_public_issue_that_a_test_names_is_in_the_documents() -> None:
    listed = {issue for seen, _ in defects() for issue in re.findall(r"#\d+", seen)}
    for path in (ROOT / "tests").rglob("test_*.py"):
        assert set(re.findall(r"#\d{3,5}\b", path.read_text())) <= listed, path
