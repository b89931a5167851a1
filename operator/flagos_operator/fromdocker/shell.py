"""Shell text as words: quotes, continuations, comments and operators. Nothing is ever run.

What a shell would compute, `$(...)` or a variable that the text does not set, stays in the word as
it is written, and the word says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flagos_operator.fromdocker.report import UnclearError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

# Possessive throughout: text that closes nothing is read once, not once for each way to fail.
TOKEN = re.compile(
    r"""
      (?P<join>\\[ \t]*+(?:\#[^\n]*+)?+\n)
    | (?P<escape>\\.)
    | (?P<single>'[^']*+')
    | (?P<ansi>\$'(?:\\.|[^'\\])*+')
    | (?P<double>\$?"(?:\\.|\$\((?:[^()]|\([^()]*+\))*+\)|[^"\\])*+")
    | (?P<open>['"])
    | (?P<computed>\$\((?:[^()]|\([^()]*+\))*+\)|`[^`]*+`)
    | (?P<variable>\$\{[^{}\n]*+\}|\$[A-Za-z_]\w*+|\$[0-9@\#?*!$-])
    | (?P<here><<[-~]?[ \t]*+['"]?(?P<mark>\w++)['"]?)
    | (?P<blank><[^\s<>&|;'"$\d/][^<>&|;'"\n]{0,40}>)
    | (?P<redirect>&>>?|\d?>>?\|?(?:&[\d-])?|\d?<{1,3}(?:&[\d-])?)
    | (?P<operator>&&|\|\|?|;;?|&|[()])
    | (?P<newline>\n)
    | (?P<space>[ \t\r\f\v]++)
    | (?P<plain>[^\s'"\\$`;&|<>()]++|.)
    """,
    re.VERBOSE | re.DOTALL,
)
DOUBLE_PART = re.compile(
    r"(?P<escape>\\.)|(?P<computed>\$\((?:[^()]|\([^()]*+\))*+\)|`[^`]*+`)"
    r"|(?P<variable>\$\{[^{}\n]*+\}|\$[A-Za-z_]\w*+|\$[0-9@#?*!$-])|(?P<plain>[^\\$`]++|.)",
    re.DOTALL,
)
IN_BRACES = re.compile(r"([A-Za-z_]\w*)(?:(:?[-=?+])(.*))?", re.DOTALL)
LONGEST = 128 * 1024  # no line of a command is longer: Linux takes no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    text: str
    kind: str = "literal"  # or variable, computed, blank
    quoted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    line: int
    parts: tuple[Part, ...]
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Words up to an operator or the end of a line."""

    line: int
    words: tuple[Word, ...]
    source: str = ""
    ended: str = ""  # the operator that it ends with
    beside: tuple[str, ...] = ()  # where its words go, and that nobody waits for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Arg:
    """A word as a program would get it; `unknown` is what only a shell could tell."""

    text: str
    line: int
    unknown: tuple[str, ...] = ()
    source: str = ""

    def with_text(self, text: str) -> Arg:
        return Arg(text=text, line=self.line, unknown=self.unknown, source=self.source)


class Lexer:
    """Reads one logical line at a time, so that prose between commands need not be shell."""

    def __init__(self, text: str, *, first: int) -> None:
        self.text, self.line, self.at = text, first, 0
        self.commands: list[Command] = []
        self.words: list[Word] = []
        self.parts: list[Part] = []
        self.start, self.began = 0, first
        self.swallow, self.marks = False, list[str]()
        self.beside: list[str] = []
        self.endless = set[str]()

    @property
    def done(self) -> bool:
        return self.at >= len(self.text)

    def peek(self) -> str:
        end = self.text.find("\n", self.at)
        return self.text[self.at : end if end >= 0 else len(self.text)]

    def skip(self) -> None:
        end = self.text.find("\n", self.at)
        self.at = len(self.text) if end < 0 else end + 1
        self.line += 1

    def logical_line(self) -> tuple[Command, ...]:
        self.commands, self.words, self.parts, self.swallow = [], [], [], False
        while not self.done:
            if self.ends_in(self.step()):
                break
        self.end_command()
        return piped(self.commands)

    def ends_in(self, kind: str) -> bool:
        return kind == "newline"

    def step(self) -> str:
        found = TOKEN.match(self.text, self.at)
        assert found is not None  # noqa: S101 - the last alternative takes any character
        kind, text = str(found.lastgroup), found.group()
        if kind == "mark":
            kind = "here"
        if kind == "plain" and text.startswith("#") and not self.parts:
            self.at = self.at + len(self.peek())
            return "comment"
        self.handle(kind, text, found)
        self.at = max(self.at, found.end())
        self.line += text.count("\n")
        if kind == "newline":
            self.skip_documents()
        return kind

    def handle(self, kind: str, text: str, found: re.Match[str]) -> None:
        if kind == "open":
            raise UnclearError(f"line {self.line}: the quote {text} that opens here never closes")
        if kind in {"space", "newline"} or (kind == "join" and self.flag_at(found.end())):
            self.end_word()
        elif kind == "join":
            return
        elif kind in {"operator", "redirect"}:
            self.end_word()
            if kind == "operator":
                self.end_command(text)
            else:
                self.swallow = "&" not in text[1:]
                self.beside.append(text)
        elif kind == "here":
            self.end_word()
            self.marks.append(str(found.group("mark")))
        else:
            self.add(kind, text)

    def flag_at(self, at: int) -> bool:
        """Whoever ends a line without a space and begins the next with a flag forgot it."""
        return self.text.startswith("-", at)

    def add(self, kind: str, text: str) -> None:
        if not self.parts:
            self.start, self.began = self.at, self.line
        self.parts.extend(parts_of(kind, text))

    def end_word(self) -> None:
        if not self.parts:
            return
        word = Word(
            line=self.began, parts=tuple(self.parts), source=self.text[self.start : self.at]
        )
        self.parts = []
        if self.swallow:
            self.swallow = False
            self.beside[-1] += f" {word.source}"
            return
        self.words.append(word)

    def end_command(self, operator: str = "") -> None:
        self.end_word()
        self.swallow = False
        if self.words:
            command = Command(
                line=self.words[0].line,
                words=tuple(self.words),
                source=" ".join(word.source for word in self.words),
                ended=operator,
                beside=tuple(self.beside),
            )
            self.commands.append(command)
        self.words, self.beside = [], []

    def skip_documents(self) -> None:
        """The lines of a here-document are some program's input."""
        marks, self.marks = self.marks, []
        for mark in marks:
            if mark in self.endless:
                continue  # not looked for from each of a thousand beginnings
            ends = re.compile(rf"^[ \t]*{mark}[ \t]*$", re.MULTILINE).search(self.text, self.at)
            if ends is None:
                self.endless.add(mark)
                continue
            self.line += self.text.count("\n", self.at, ends.end())
            self.at = ends.end()


def piped(commands: Iterable[Command]) -> tuple[Command, ...]:
    """Each with the commands that read what it says; from the last one back."""
    found: list[Command] = []
    for command in reversed([*commands]):
        beside, after = command.beside, found[-1] if found else None
        if command.ended == "|" and after:
            beside = (*beside, f"| {after.source}", *after.beside)
        elif command.ended == "&":
            beside = (*beside, "&")
        found.append(replace(command, beside=beside))
    return tuple(reversed(found))


def parts_of(kind: str, text: str) -> Iterator[Part]:
    if kind == "single":
        yield Part(text=text[1:-1], quoted=True)
    elif kind == "ansi":
        yield Part(text=re.sub(r"\\(.)", r"\1", text[2:-1]), quoted=True)
    elif kind == "double":
        yield from inside(text[text.index('"') + 1 : -1])
    elif kind == "escape":
        yield Part(text=text[1:], quoted=True)
    elif kind == "plain":
        yield Part(text=text)
    else:
        yield Part(text=text, kind=kind)


def inside(text: str) -> Iterator[Part]:
    yield Part(text="", quoted=True)
    for found in DOUBLE_PART.finditer(text):
        kind, part = str(found.lastgroup), found.group()
        if kind == "escape":
            if part != "\\\n":
                yield Part(text=part[1:] if part[1] in '$`"\\' else part, quoted=True)
        else:
            yield Part(text=part, kind="literal" if kind == "plain" else kind, quoted=True)


def expand(word: Word, *, variables: Mapping[str, str]) -> list[Arg]:
    """A word with the variables that are known; one without quotes may become several."""
    values = [value_of(part, variables) for part in word.parts]
    unknown = tuple(name for _, name in values if name)
    text = "".join(value for value, _ in values)
    if len(text) > LONGEST:
        raise UnclearError(f"line {word.line}: a value of more than {LONGEST} characters")
    whole = [Arg(text=text, line=word.line, unknown=unknown, source=word.source)]
    if not splits(word) or unknown:
        return whole
    return [Arg(text=each, line=word.line, source=word.source) for each in text.split()]


def filled(arg: Arg, variables: Mapping[str, str] | None) -> Arg:
    """A line of a here-document; without variables nothing in it stands for something else."""
    if variables is None:
        return arg
    parts = tuple(inside(arg.text))
    word = Word(line=arg.line, parts=parts, source=arg.source)
    (found,) = expand(word, variables=variables)
    return found


def splits(word: Word) -> bool:
    return any(part.kind == "variable" and not part.quoted for part in word.parts) and not any(
        part.quoted for part in word.parts
    )


def value_of(part: Part, variables: Mapping[str, str]) -> tuple[str, str]:
    """What stands for the part, and what is unknown about it."""
    if part.kind == "literal":
        return part.text, ""
    if part.kind != "variable":
        return part.text, part.text
    name, operator, default = named(part.text)
    if name in variables and (variables[name] or not operator.startswith(":")):
        return (default if "+" in operator else variables[name]), ""
    if operator.endswith(("-", "=")) and "$" not in default and "`" not in default:
        return default.strip("\"'"), ""
    return part.text, part.text


def named(text: str) -> tuple[str, str, str]:
    if not text.startswith("${"):
        return text[1:], "", ""
    found = IN_BRACES.fullmatch(text[2:-1])
    if found is None:
        return text, "", ""
    return found.group(1), found.group(2) or "", found.group(3) or ""


def each_line(
    text: str, *, first: int, worth: Callable[[str], bool], matters: Callable[[str], bool]
) -> Iterator[tuple[Command, ...]]:
    """The lines that are commands. Of those that do not matter, broken quotes do not either."""
    lexer = Lexer(text, first=first)
    while not lexer.done:
        line, at, number = lexer.peek(), lexer.at, lexer.line
        if not worth(line):
            lexer.skip()
            continue
        try:
            yield lexer.logical_line()
        except UnclearError:
            if matters(line):
                raise
            lexer.at, lexer.line, lexer.marks = at, number, []
            lexer.skip()
