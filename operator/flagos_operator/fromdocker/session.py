"""Follows a card from line to line, as somebody who types it: who is where, and what is set."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from flagos_operator.api.managed import ENV
from flagos_operator.fromdocker import docker, pasted, programs, shell
from flagos_operator.fromdocker.card import Card, Serve, Step
from flagos_operator.fromdocker.downloads import PROGRAMS as HUBS
from flagos_operator.fromdocker.downloads import cloned, download
from flagos_operator.fromdocker.scope import Scope
from flagos_operator.fromdocker.text import cleaned, foreign, segments
from flagos_operator.fromdocker.typed import (
    ASSIGNED,
    CALLED,
    DETACHING,
    HOSTS,
    KEYWORDS,
    PLACING,
    STEPS,
    WITH_OPERAND,
    WRAPPERS,
    matters,
    worth,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flagos_operator.fromdocker.docker import Entered, Run
    from flagos_operator.fromdocker.report import Report
    from flagos_operator.fromdocker.shell import Arg, Command, Word
    from flagos_operator.fromdocker.text import Segment

ENV_FILE = (
    "left out: its content is not in this text, and no file is read unasked; --env-file FILE "
    "gives it, or write its variables into server.env"
)
IN_SERVER_ENV = "replaced: its variables are in server.env and its fields, as of"
DEPTH = 4  # shells inside of shells


class Session:
    def __init__(
        self,
        *,
        variables: Mapping[str, str],
        report: Report,
        env_files: Mapping[str, str] | None = None,
    ) -> None:
        self.card, self.report = Card(), report
        self.env_files = env_files or {}
        self.host = Scope(variables=dict(variables))
        self.scope = self.host
        self.containers: list[Scope] = []
        self.beside: tuple[str, ...] = ()  # of the command that is read, where its words go

    def read(self, text: str) -> Card:
        self.card.pasted = pasted.files(text)
        self.card.foreign = foreign(cleaned(text))
        for segment in segments(text):
            self.notice(segment)
            self.follow(segment.text, first=segment.first)
        return self.card

    def notice(self, segment: Segment) -> None:
        """What lines tell that are no commands about containers."""
        for port in CALLED.finditer(segment.text):
            line = segment.first + segment.text.count("\n", 0, port.start())
            self.card.asked.append((line, int(port.group(1))))
        for hosts in HOSTS.finditer(segment.text):
            line = segment.first + segment.text.count("\n", 0, hosts.end())
            self.card.clusters.append((line, "a file of hosts"))

    def follow(self, text: str, *, first: int, depth: int = 0) -> None:
        lines = shell.each_line(text, first=first, worth=worth, matters=matters)
        for command in continued(lines, self.report):
            self.command(command, depth=depth)

    def command(self, command: Command, *, depth: int) -> None:
        outside = self.beside
        self.beside = (*(outside if depth else ()), *command.beside)
        self.spoken(command, depth=depth)
        self.beside = outside

    def spoken(self, command: Command, *, depth: int) -> None:
        args = self.expanded(command.words)
        assigned, rest = assignments(args)
        rest, placed = unwrapped(rest, assigned)
        if not rest:
            for name, value, adds in assigned:
                self.set(name, value, adds=adds)
            return
        if not self.entered(rest, depth=depth):
            self.program(rest, assigned=assigned, placed=placed, command=command)

    def expanded(self, words: Iterable[Word]) -> list[Arg]:
        variables = {**self.host.variables, **self.scope.variables}
        return [arg for word in words for arg in shell.expand(word, variables=variables)]

    def set(self, name: str, value: Arg, *, adds: bool) -> None:
        if adds:
            value = replace(value, unknown=(*value.unknown, f"${name}"))
        self.scope.assign(name, value, exported=False)

    def entered(self, argv: list[Arg], *, depth: int) -> bool:
        """Whether it was a word about containers or shells, and not a program of its own."""
        name, rest = programs.base(argv[0]), argv[1:]
        if name in docker.PROGRAMS:
            self.docker(rest, line=argv[0].line, depth=depth)
            return True
        if name in programs.SHELLS and not programs.is_script(argv):
            self.inner(rest, depth=depth)
            return True
        verb = {"export": self.export, "declare": self.export, "readonly": self.export}.get(name)
        verb = verb or {"unset": self.unset, "source": self.source, ".": self.source}.get(name)
        verb = verb or {"cd": self.cd, "ulimit": self.limit, "conda": self.conda}.get(name)
        if verb:
            verb(argv)
        elif name in {"exit", "logout"}:
            self.scope = self.host if not rest else self.scope
        return bool(verb) or name in {"exit", "logout"}

    # containers

    def docker(self, words: list[Arg], *, line: int, depth: int) -> None:
        if words and words[0].text == "container":
            words = words[1:]
        verb, rest = (words[0].text if words else ""), words[1:]
        if verb in {"run", "create"}:
            self.run(docker.run(rest, line=line, report=self.report), depth=depth)
        elif verb == "exec":
            self.exec(docker.entered(rest), depth=depth)
        elif verb == "pull":
            self.card.pulls.extend(word for word in rest[-1:] if not word.text.startswith("-"))

    def run(self, run: Run, *, depth: int) -> None:
        self.card.runs.append(run)
        self.containers.append(self.fresh(run))
        self.scope = self.containers[-1].copy()
        entrypoint = run.last("entrypoint")
        argv = [*([entrypoint] if entrypoint and entrypoint.text else []), *run.command]
        if not argv:
            return
        if is_entrypoint_vllm(run, argv):
            vllm = [replace(argv[0], text=word, source=word) for word in ("vllm", "serve")]
            argv = [*vllm, *argv]
            self.report.say(
                str(run.image.source if run.image else ""),
                "its own entrypoint is taken to be `vllm serve`, as the words after it are flags",
                line=run.line,
            )
        self.words(argv, depth=depth + 1)

    def words(self, argv: list[Arg], *, depth: int) -> None:
        assigned, rest = assignments(argv)
        rest, placed = unwrapped(rest, assigned)
        if rest and not self.entered(rest, depth=depth):
            source = " ".join(arg.source for arg in rest)
            command = shell.Command(line=rest[0].line, words=(), source=source)
            self.program(rest, assigned=assigned, placed=placed, command=command)

    def fresh(self, run: Run) -> Scope:
        scope = Scope(run=run, variables=dict(self.host.variables))
        for given, value in run.using("env-file"):
            self.environment_of(scope, value, said=given.source, line=given.line)
        for given, value in run.using("env"):
            self.environment(scope, value, line=given.line)
        workdir = run.last("workdir")
        scope.workdir = workdir.text if workdir and not workdir.unknown else ""
        return scope

    def environment_of(self, scope: Scope, path: Arg, *, said: str, line: int) -> None:
        """Of a file that was given, or stands in the text; no other one is looked at."""
        name = path.text.rpartition("/")[2]
        given = self.env_files.get(name)
        found = pasted.of_name(path.text, self.card.pasted)
        if given is not None:
            found = pasted.Pasted(first=0, lines=tuple(given.splitlines()))
        if found is None:
            self.report.say(said, ENV_FILE, line=line)
            return
        place = f"line {found.first} on" if found.first else f"--env-file {name}"
        self.report.say(said, f"{IN_SERVER_ENV} {place}", line=line)
        for at, pair in found.variables():
            arg = shell.Arg(text=pair, line=at or line, source=pair)
            known = {**self.host.variables} if found.expands else None
            self.environment(scope, shell.filled(arg, known), line=at or line)

    def environment(self, scope: Scope, value: Arg, *, line: int) -> None:
        name, equals, text = value.text.partition("=")
        if equals:
            scope.assign(name, replace(value, text=text, line=line), exported=True)
        elif name in self.host.variables:
            text = self.host.variables[name]
            scope.assign(name, replace(value, text=text, line=line), exported=True)
        else:
            why = "left out: its value is in the host's environment; server.env sets it"
            self.report.say(f"-e {name}", why, line=line)

    def exec(self, entered: Entered, *, depth: int) -> None:
        known = [scope for scope in self.containers if scope.run]
        named = [scope for scope in known if scope.run and scope.run.name == entered.container]
        found = (named or known)[-1:] or [Scope()]
        before, self.scope = self.scope, found[0].copy()
        for value in entered.env_files:
            self.environment_of(
                self.scope, value, said=f"--env-file {value.source}", line=value.line
            )
        for value in entered.env:
            self.environment(self.scope, value, line=value.line)
        if entered.workdir:
            self.scope.workdir = entered.workdir.text
        if entered.command and not is_interactive(entered.command):
            self.words(list(entered.command), depth=depth + 1)
            self.scope = before

    def inner(self, words: list[Arg], *, depth: int) -> None:
        """`bash -c TEXT`; without it the shell is entered, and what follows is typed there."""
        for place, word in enumerate(words):
            if not word.text.startswith("-"):
                return
            if "c" in word.text and not word.text.startswith("--") and len(words) > place + 1:
                if depth < DEPTH:
                    before, self.scope = self.scope, self.scope.copy()
                    body = words[place + 1]
                    self.follow(body.text, first=body.line, depth=depth + 1)
                    self.scope = before
                return

    # the shell's own words

    def export(self, argv: list[Arg]) -> None:
        for arg in argv[1:]:
            found = ASSIGNED.match(arg.text)
            if found:
                value = replace(arg, text=arg.text[found.end() :])
                self.scope.assign(
                    found.group(1), value, exported=argv[0].text in {"export", "declare"}
                )
            elif arg.text in self.scope.variables:
                value = replace(arg, text=self.scope.variables[arg.text])
                self.scope.assign(arg.text, value, exported=True)

    def unset(self, argv: list[Arg]) -> None:
        for arg in argv[1:]:
            self.scope.variables.pop(arg.text, None)
            self.scope.env.pop(arg.text, None)

    def source(self, argv: list[Arg]) -> None:
        if len(argv) in {2, 3} and re.search(r"[/.]", argv[1].text) and self.scope.run:
            self.scope.before.append(" ".join(["source", *(arg.source for arg in argv[1:])]))

    def conda(self, argv: list[Arg]) -> None:
        if [arg.text for arg in argv[1:2]] == ["activate"] and self.scope.run:
            self.scope.before.append(" ".join(["source", *(arg.source for arg in argv[1:])]))

    def cd(self, argv: list[Arg]) -> None:
        words = argv[1:]
        if len(words) == 1 and not words[0].unknown:
            path = words[0].text
            joined = path if path.startswith("/") else f"{self.scope.workdir or '.'}/{path}"
            self.scope.workdir = joined.rstrip("/") or "/"

    def limit(self, argv: list[Arg]) -> None:
        if self.scope.run:
            self.scope.before.append(" ".join(arg.source or arg.text for arg in argv))

    # programs

    def program(
        self, argv: list[Arg], *, assigned: list[Assignment], placed: list[str], command: Command
    ) -> None:
        scope, line = self.scope.copy(), argv[0].line
        for name, value, _ in assigned:
            scope.assign(name, value, exported=True)
        serve = Serve(
            line=line,
            argv=tuple(argv),
            env=tuple(scope.env.values()),
            before=tuple(scope.before),
            workdir=scope.workdir,
            run=scope.run,
            dropped=(*placed, *self.beside),
        )
        if programs.engine(argv):
            self.alone(scope, line=line)
            self.card.serves.append(serve)
        elif not self.known(argv, line=line):
            self.other(serve, source=command.source)

    def alone(self, scope: Scope, *, line: int) -> None:
        """`USE_FLAGGEMS=1` on a line of its own sets it for the shell, not for the server."""
        for name in sorted(ENV.keys() & scope.variables.keys() - scope.env.keys()):
            said = name if name.endswith("_KEY") else f"{name}={scope.variables[name]}"
            why = "left out: no export and on a line of its own, it does not reach the server"
            self.report.say(said, why, line=line)

    def known(self, argv: Sequence[Arg], *, line: int) -> bool:
        name, inside = programs.base(argv[0]), self.scope.run is not None
        if name in HUBS:
            found = download(name, argv[1:], line=line, inside=inside)
        else:
            found = cloned(argv[1:], line=line, inside=inside) if name == "git" else None
        if found:
            self.card.downloads.append(found)
        if name == "ray" and [arg.text for arg in argv[1:2]] == ["start"]:
            self.card.clusters.append((line, "ray start"))
        return bool(found) or name == "ray"

    def other(self, serve: Serve, *, source: str) -> None:
        name = programs.base(serve.argv[0])
        if programs.is_script(serve.argv):
            self.card.scripts.append(serve)
        elif programs.is_program(serve.argv):
            self.card.programs.append(serve)
        elif serve.run and name in STEPS:
            self.card.steps.append(Step(line=serve.line, run=serve.run, source=source))


Assignment = tuple[str, "Arg", bool]


def continued(lines: Iterable[tuple[Command, ...]], report: Report) -> Iterable[Command]:
    """Commands, with those lines of flags joined to theirs that lost the backslash before."""
    held: Command | None = None
    for commands in lines:
        for place, command in enumerate(commands):
            first = command.words[0].source
            if place == 0 and held is not None and first.startswith("-"):
                why = "taken to go on the command above, whose line does not end in a \\"
                report.say(first, why, line=command.line)
                held = replace(
                    held,
                    words=(*held.words, *command.words),
                    source=f"{held.source} {command.source}",
                    beside=(*held.beside, *command.beside),
                )
                continue
            if held is not None:
                yield held
            held = command
    if held is not None:
        yield held


def assignments(args: list[Arg]) -> tuple[list[Assignment], list[Arg]]:
    """`A=b` before a command, or alone."""
    found: list[Assignment] = []
    for place, arg in enumerate(args):
        if arg.text in KEYWORDS and not found:
            continue
        match = ASSIGNED.match(arg.text)
        if match is None or arg.source.startswith(("'", '"')):
            return found, args[place:]
        value = replace(arg, text=arg.text[match.end() :])
        found.append((match.group(1), value, match.group(2) == "+="))
    return found, []


def unwrapped(args: list[Arg], assigned: list[Assignment]) -> tuple[list[Arg], list[str]]:
    """The program itself, and those before it that only said where it should run."""
    placed: list[str] = []
    while args and programs.base(args[0]) in WRAPPERS:
        name = programs.base(args[0])
        at = 1
        while at < len(args) and args[at].text.startswith("-"):
            at += 2 if args[at].text in WRAPPERS[name] else 1
        at += name in WITH_OPERAND
        if name in PLACING | DETACHING:
            placed.append(" ".join(arg.source for arg in args[:at]))
        more, args = assignments(args[at:])
        assigned.extend(more)
    return args, placed


def is_interactive(argv: Sequence[Arg]) -> bool:
    """A shell for somebody to type in: no text with it, and no file."""
    return programs.base(argv[0]) in {*programs.SHELLS, "fish"} and all(
        arg.text.startswith("-") and ("c" not in arg.text or arg.text.startswith("--"))
        for arg in argv[1:]
    )


def is_entrypoint_vllm(run: Run, argv: Sequence[Arg]) -> bool:
    image = run.image.text if run.image else ""
    if run.last("entrypoint"):
        return False
    return "vllm" in image and (argv[0].text.startswith("--") or "vllm-openai" in image)
