"""The line that makes a container, and the one that runs a command in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flagos_operator.fromdocker.dockerflags import CLUSTERED, TABLE, Flag
from flagos_operator.fromdocker.report import UnclearError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flagos_operator.fromdocker.report import Report
    from flagos_operator.fromdocker.shell import Arg

PROGRAMS = {"docker", "podman", "nerdctl", "docker.io"}
IMAGE_LIKE = re.compile(r"(?i)ima?ge?|img|repo|tag|镜像")
ONLY_VARIABLE = re.compile(r'"?\$\{?\w+(\[[@*]\])?\}?"?|"?\$\(.*\)"?', re.DOTALL)
# Of `docker exec`: with a value, and without.
EXEC_VALUES = {"-e", "--env", "--env-file", "-u", "--user", "-w", "--workdir", "--detach-keys"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One flag as it was given."""

    name: str
    flag: Flag
    value: Arg | None
    line: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One `docker run`."""

    line: int
    options: tuple[Given, ...]
    image: Arg | None
    command: tuple[Arg, ...]

    def using(self, use: str) -> Iterator[tuple[Given, Arg]]:
        for given in self.options:
            if given.flag.use == use and given.value is not None:
                yield given, given.value

    def last(self, use: str) -> Arg | None:
        return next((value for _, value in reversed([*self.using(use)])), None)

    @property
    def name(self) -> str:
        value = self.last("name")
        return value.text if value else ""


def run(words: Sequence[Arg], *, line: int, report: Report) -> Run:
    """The words after `docker run`."""
    options: list[Given] = []
    at = 0
    while at < len(words):
        word = words[at]
        if word.text == "--":
            at += 1
            break
        if word.text.startswith("-") and len(word.text) > 1:
            found, taken = options_of(words, at)
            options.extend(found)
            at += taken
        elif computed_options(word, rest=words[at + 1 :]):
            report.say(
                word.source, "left out: a shell computes these flags, unknown here", line=word.line
            )
            at += 1
        else:
            break
    image = words[at] if at < len(words) else None
    return Run(line=line, options=tuple(options), image=image, command=tuple(words[at + 1 :]))


def computed_options(word: Arg, *, rest: Sequence[Arg]) -> bool:
    """A variable that holds flags, not the image: something follows that can be the image."""
    if not word.unknown or not ONLY_VARIABLE.fullmatch(word.source):
        return False
    return bool(rest) and not IMAGE_LIKE.search(word.source)


def options_of(words: Sequence[Arg], at: int) -> tuple[list[Given], int]:
    """The flags in the word, and how many words they take."""
    word = words[at]
    if not word.text.startswith("--"):
        return short_options(words, at)
    name, equals, value = word.text.partition("=")
    flag = known(name, word)
    if equals:
        return [given(name, flag, word.with_text(value), source=word.source)], 1
    if not flag.takes:
        return [given(name, flag, word)], 1
    return [given(name, flag, following(words, at))], 2


def short_options(words: Sequence[Arg], at: int) -> tuple[list[Given], int]:
    """Letters may stand together, and the last of them may have its value behind it."""
    word, found = words[at], []
    letters = word.text[1:]
    while letters and letters[0] in CLUSTERED:
        name = f"-{letters[0]}"
        found.append(given(name, TABLE[name], word.with_text(name), source=name))
        letters = letters[1:]
        if letters.startswith("="):
            return found, 1
    if not letters:
        return found, 1
    name = f"-{letters[0]}"
    flag, rest = known(name, word), letters[1:].removeprefix("=")
    if rest:
        return [*found, given(name, flag, word.with_text(rest), source=word.source)], 1
    return [*found, given(name, flag, following(words, at))], 2


def known(name: str, word: Arg) -> Flag:
    flag = TABLE.get(name)
    if flag is None:
        raise UnclearError(
            f"line {word.line}: {name} is no flag of docker run that is known here, so that it is "
            "not known what belongs to it: remove it, or correct it"
        )
    return flag


def following(words: Sequence[Arg], at: int) -> Arg:
    if at + 1 >= len(words):
        word = words[at]
        raise UnclearError(
            f"line {word.line}: {word.text} ends the command and needs a value: is a \\ missing "
            "at the end of the line?"
        )
    return words[at + 1]


def given(name: str, flag: Flag, value: Arg, *, source: str = "") -> Given:
    said = source or (f"{name} {value.source}" if flag.takes else name)
    return Given(
        name=name, flag=flag, value=value if flag.takes else None, line=value.line, source=said
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """One `docker exec`."""

    container: str
    env: tuple[Arg, ...]
    env_files: tuple[Arg, ...]
    workdir: Arg | None
    command: tuple[Arg, ...]


def entered(words: Sequence[Arg]) -> Entered:
    """The words after `docker exec`."""
    env: list[Arg] = []
    env_files: list[Arg] = []
    workdir, at = None, 0
    while at < len(words) and words[at].text.startswith("-"):
        name, equals, value = words[at].text.partition("=")
        takes = name in EXEC_VALUES
        argument = words[at].with_text(value) if equals else None
        if takes and not equals:
            argument = following(words, at)
            at += 1
        if name in {"-e", "--env"} and argument:
            env.append(argument)
        elif name == "--env-file" and argument:
            env_files.append(argument)
        elif name in {"-w", "--workdir"}:
            workdir = argument
        at += 1
    container = words[at].text if at < len(words) else ""
    return Entered(
        container=container,
        env=tuple(env),
        env_files=tuple(env_files),
        workdir=workdir,
        command=tuple(words[at + 1 :]),
    )
