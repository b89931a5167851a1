"""Files whose content stands in the text: here-documents, and blocks of variables or of YAML."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flagos_operator.fromdocker.text import FENCE, cleaned

if TYPE_CHECKING:
    from collections.abc import Iterator

ENV = {"env", "dotenv", "properties", "ini"}
YAML = {"yaml", "yml"}
HERE = re.compile(r"<<-?[ \t]*(?P<quote>['\"]?)(?P<mark>\w+)['\"]?")
WRITES = re.compile(r"\b(?:cat|tee)\b")
TARGET = re.compile(r"(?:>>?|\btee(?:[ \t]+-a)?)[ \t]*(?P<name>[^\s<>|;&'\"]+|'[^']+'|\"[^\"]+\")")
NAME = re.compile(r"[A-Za-z_]\w*")
REFERENCE = re.compile(r"\$(?:\{(\w+)\}|(\w+))|\$[({]|`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pasted:
    """`first` is the line of the text on which the content begins; 0 is a file of its own."""

    first: int
    lines: tuple[str, ...]
    name: str = ""  # as a shell wrote it; a block has none
    language: str = ""
    expands: bool = False  # a shell puts values in the place of $NAME

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def variables(self) -> Iterator[tuple[int, str]]:
        """As `docker run --env-file` reads them: a line each, nothing is unquoted."""
        for place, line in enumerate(self.lines):
            said = line.lstrip()
            if NAME.fullmatch(said.partition("=")[0]):
                yield self.first + place if self.first else 0, said


def files(text: str) -> list[Pasted]:
    lines = cleaned(text).split("\n")
    ends = {line.strip(): number for number, line in enumerate(lines)}
    found: list[Pasted] = []
    at = 0
    while at < len(lines):
        one = document(lines, at, ends) or block(lines, at)
        if one is not None:
            found.append(one)
            at += len(one.lines) + 1
        at += 1
    return found


def document(lines: list[str], at: int, ends: dict[str, int]) -> Pasted | None:
    """`cat > NAME <<EOF`; one that never ends is none."""
    here = HERE.search(lines[at])
    if here is None or not WRITES.search(lines[at]) or ends.get(here["mark"], -1) <= at:
        return None
    target = TARGET.search(HERE.sub("", lines[at]))
    if target is None:
        return None
    end = next(n for n in range(at + 1, len(lines)) if lines[n].strip() == here["mark"])
    return Pasted(
        first=at + 2,
        lines=tuple(lines[at + 1 : end]),
        name=target["name"].strip("'\""),
        expands=not here["quote"],
    )


def block(lines: list[str], at: int) -> Pasted | None:
    mark = FENCE.match(lines[at])
    language = mark.group(1).lower() if mark else ""
    if language not in ENV | YAML:
        return None
    end = next((n for n in range(at + 1, len(lines)) if FENCE.match(lines[n])), len(lines))
    return Pasted(first=at + 2, lines=tuple(lines[at + 1 : end]), language=language)


def of_name(path: str, pasted: list[Pasted]) -> Pasted | None:
    """What a shell wrote under that name, else the one block of variables that there is."""
    last = path.rpartition("/")[2]
    written = [one for one in pasted if one.name and one.name.rpartition("/")[2] == last]
    blocks = [one for one in pasted if one.language in ENV]
    return written[-1] if written else blocks[0] if len(blocks) == 1 else None
