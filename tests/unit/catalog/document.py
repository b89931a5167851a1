"""Writes the tables of docs/models.md: `python -m tests.unit.catalog.document`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flagos_operator.api.outcome import Invalid
from flagos_operator.catalog.versions import numbers
from tests.unit.catalog.published import RAN, catalogue, outcome, parser_of, version_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flagos_operator.catalog.catalogue import Release

DOCUMENT = Path(__file__).parents[3] / "docs" / "models.md"
MARK = "<!-- The tables below are written by `python -m tests.unit.catalog.document`. -->\n"
# The best first: of several releases for one cell, the best one's proof is shown.
PROOFS = ("ran", "parsed", "parsed later", "rendered", "refused")


def tables() -> str:
    releases = sorted(catalogue().releases.values(), key=lambda each: (each.spec.model, each.name))
    return "\n".join([*matrix(releases), "", *listed(releases), ""])


def matrix(releases: list[Release]) -> Iterator[str]:
    chips = sorted({each.spec.chip for each in releases})
    yield "## Models and chips\n"
    yield f"| model | {' | '.join(chips)} |"
    yield "|---" * (len(chips) + 1) + "|"
    for model in dict.fromkeys(each.spec.model for each in releases):
        rows = [each for each in releases if each.spec.model == model]
        cells = [cell([each for each in rows if each.spec.chip == chip]) for chip in chips]
        yield f"| {model} | {' | '.join(cells)} |"


def cell(releases: list[Release]) -> str:
    proofs = [proof(each) for each in releases]
    return min(proofs, key=PROOFS.index) if proofs else ""


def proof(release: Release) -> str:
    if release.name in RAN:
        return "ran"
    if isinstance(outcome(release.name), Invalid):
        return "refused"
    parser = parser_of(release)
    if parser is None:
        return "rendered"
    return "parsed" if numbers(parser) == numbers(version_of(release)) else "parsed later"


def listed(releases: list[Release]) -> Iterator[str]:
    yield "## Releases\n"
    yield "| release | chip | devices | engine | published verdict | proof |"
    yield "|---|---|---|---|---|---|"
    for each in releases:
        said = each.spec
        devices = "" if said.devices is None else str(said.devices)
        verdict = said.verdict or ""
        yield (
            f"| {each.name} | {said.chip} | {devices} | {engine(each)} | {verdict} "
            f"| {explained(each)} |"
        )


def engine(release: Release) -> str:
    name = release.spec.server.engine or "VLLM"
    version = version_of(release) if name == "VLLM" else None
    return f"{name} {version}" if version else name


def explained(release: Release) -> str:
    kind, found = proof(release), outcome(release.name)
    if kind == "ran":
        return f"ran: {RAN[release.name]}"
    if isinstance(found, Invalid):
        return f"refused: {found.reason}"
    if kind == "parsed":
        return f"parsed by vLLM {parser_of(release)}"
    if kind == "parsed later":
        return f"parsed by vLLM {parser_of(release)}, which is newer"
    return "rendered"


def main() -> None:
    written = DOCUMENT.read_text().partition(MARK)[0]
    DOCUMENT.write_text(f"{written}{MARK}\n{tables()}")


if __name__ == "__main__":
    main()
