"""The chosen line as fields of `spec.server`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flagos_operator.fromdocker import misspelt, programs, serveflags
from flagos_operator.fromdocker.report import UnclearError

if TYPE_CHECKING:
    from flagos_operator.fromdocker.card import Card, Serve
    from flagos_operator.fromdocker.report import Report
    from flagos_operator.fromdocker.shell import Arg

FLAGSCALE_LOGS = "exec tail -F outputs/*/serve_logs/*.output"


@dataclass(slots=True, kw_only=True)
class Line:
    engine: str
    command: list[str] | None = None
    flags: serveflags.Flags = field(default_factory=serveflags.Flags)

    @property
    def custom(self) -> bool:
        return self.engine == "Custom"

    @property
    def model(self) -> Arg | None:
        return self.flags.model


def read(serve: Serve, *, report: Report) -> Line:
    kind = programs.engine(serve.argv)
    if kind == "FlagScale":
        return flagscale(serve, report)
    if not kind:
        return script(serve, report)
    length = programs.program_length(serve.argv)
    flags = serveflags.read(list(serve.argv[length:]), report=report)
    if kind == "VLLM":
        misspelt.tell(flags.args, report=report)
    return Line(engine=kind, command=command(serve, kind, report), flags=flags)


def command(serve: Serve, kind: str, report: Report) -> list[str] | None:
    """Only what is not the operator's own `vllm serve` or `python3 -m sglang.launch_server`."""
    program = serve.argv[0].text
    folder, _, name = program.rpartition("/")
    if kind == "VLLM" and name != "vllm":
        why = "replaced: `vllm serve` is the same server"
        report.say("vllm.entrypoints.openai.api_server", why, line=serve.line)
        return [f"{folder}/vllm", "serve"] if folder else None
    if name == "sglang":
        why = "replaced: `python3 -m sglang.launch_server` is the same server"
        report.say("sglang serve", why, line=serve.line)
        return None
    if not folder:
        return None
    words = serve.argv[: programs.program_length(serve.argv)]
    return [arg.text for arg in words]


def flagscale(serve: Serve, report: Report) -> Line:
    """It starts its server in the background and returns, which would end the container."""
    words = " ".join(arg.source or arg.text for arg in serve.argv)
    given = {arg.text.partition("=")[0].replace("_", "-") for arg in serve.argv}
    more = "" if "--model-path" in given else " --model-path $(FLAGOS_MODEL_PATH)"
    more += "" if "--port" in given else " --port $(FLAGOS_PORT)"
    report.say(
        words,
        "engine Custom, kept in the foreground by its log; what it serves beyond model and port "
        "is in the image's own configuration",
        line=serve.line,
    )
    return Line(engine="Custom", command=["bash", "-c", f"{words}{more} && {FLAGSCALE_LOGS}"])


def script(serve: Serve, report: Report) -> Line:
    words = [arg.text for arg in serve.argv]
    report.say(
        " ".join(words),
        "engine Custom: what the script starts is not known here; it must stay in the foreground "
        "and answer 200 on /health, or on server.healthPath",
        line=serve.line,
    )
    if any(arg.unknown for arg in serve.argv):
        source = " ".join(arg.source for arg in serve.argv)
        return Line(engine="Custom", command=["bash", "-c", f"exec {source}"])
    return Line(engine="Custom", command=words)


def one_node(line: Line, card: Card) -> None:
    """Refused, and not made smaller: half of such a model serves nobody."""
    several = [f"--nnodes {line.flags.nodes}"] if line.flags.nodes > 1 else []
    several += [f"{what} (line {number})" for number, what in card.clusters]
    if several:
        raise UnclearError(
            f"{', '.join(several)}: a server over several nodes; a FlagOSModel is served by pods "
            "that each fit one node, so that this card cannot be written as one"
        )


def arguments(line: Line, report: Report) -> list[str]:
    for arg in line.flags.args:
        if arg.unknown:
            names = ", ".join(arg.unknown)
            report.miss(
                f"line {arg.line}: {arg.source} needs {names}, which this text does not set: "
                "--set NAME=VALUE"
            )
    return [arg.text for arg in line.flags.args]


def asked_port(card: Card, *, after: int, report: Report) -> int | None:
    """The port that the card's own requests go to, where its server is a script."""
    ports = {port: line for line, port in reversed(card.asked) if line >= after}
    if len(ports) != 1:
        return None
    port, line = next(iter(ports.items()))
    report.say(f"port {port}", "guessed from the card's request to it; --port says it", line=line)
    return port


def fields(line: Line, *, args: list[str]) -> dict[str, Any]:
    """In the order of the API's own reference."""
    said = line.flags.fields
    order = (
        *("servedModelNames", "port", "trustRemoteCode", "maxModelLen", "gpuMemoryUtilization"),
        *("tensorParallelSize", "pipelineParallelSize", "drainSeconds"),
    )
    engine = {"engine": line.engine} if line.engine != "VLLM" else {}
    return {
        **engine,
        **({"command": line.command} if line.command else {}),
        **{name: said[name] for name in order if name in said},
        **({"args": args} if args else {}),
    }
