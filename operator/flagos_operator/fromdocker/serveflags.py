"""A server's own flags: those that have a field, those that a pod makes useless, and the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flagos_operator.api.managed import FIXED_FLAG, FLAGS
from flagos_operator.desired import flags
from flagos_operator.fromdocker.report import UnclearError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flagos_operator.fromdocker.report import Report
    from flagos_operator.fromdocker.shell import Arg

SWITCHES = {"--trust-remote-code", "--no-trust-remote-code"}
LISTS = {"--served-model-name"}
# Of several nodes. One node says nothing with them.
NODES = {"--nnodes", "--node-rank", "--master-addr", "--master-port", "--dist-init-addr"}
NODES |= {"--nccl-init-addr", "--data-parallel-address", "--data-parallel-rpc-port"}
NODES |= {"--data-parallel-start-rank", "--data-parallel-size-local"}
USELESS: Mapping[str, tuple[bool, str]] = {
    "--base-gpu-id": (True, "left out: the device plugin chooses the devices, counted from 0"),
    "--gpu-id-step": (True, "left out: the device plugin chooses the devices, counted from 0"),
    "--download-dir": (True, "left out: the weights are downloaded before the server starts"),
    "--ssl-keyfile": (True, "left out: TLS ends before the Service; probes speak HTTP"),
    "--ssl-certfile": (True, "left out: TLS ends before the Service; probes speak HTTP"),
    "--ssl-ca-certs": (True, "left out: TLS ends before the Service; probes speak HTTP"),
}
DATA = {"--data-parallel-size", "--dp-size", "-dp", "--dp"}
# `--revision` of a model that vLLM would download by itself.
REVISION = "--revision"
HUMAN = {"k": 10**3, "m": 10**6, "g": 10**9, "K": 2**10, "M": 2**20, "G": 2**30}
AMOUNT = re.compile(r"(\d+(?:\.\d+)?)([kKmMgG]?)")


@dataclass(slots=True, kw_only=True)
class Flags:
    """What a line's words came to."""

    fields: dict[str, Any] = field(default_factory=dict)
    args: list[Arg] = field(default_factory=list)
    model: Arg | None = None
    nodes: int = 1
    data: int = 1
    api_key: Arg | None = None
    revision: str = ""


def read(words: list[Arg], *, report: Report) -> Flags:
    result = Flags()
    for flag, values in grouped(words):
        try:
            take(result, flag, values, report)
        except UnknownValueError as wrong:
            report.miss(str(wrong))
    positional(result)
    return result


def take(result: Flags, flag: str | None, values: list[Arg], report: Report) -> None:
    if flag is None:
        result.args.extend(values)
    elif flag in NODES:
        several_nodes(result, flag, values, report)
    elif flag in USELESS:
        report.say(flag, USELESS[flag][1], line=values[0].line)
    else:
        FIELDS[canonical(flag)](result, values, report)


def grouped(words: list[Arg]) -> Iterator[tuple[str | None, list[Arg]]]:
    """Each flag that is known here with itself and its values; words of the rest one by one."""
    at = 0
    while at < len(words):
        word = words[at]
        flag = meant(word.text)
        if flag is None:
            yield None, [word]
            at += 1
            continue
        values = [word, *values_of(flag, words, at)]
        yield flag, values
        at += len(values) - (1 if "=" in word.text and len(values) > 1 else 0)


def meant(text: str) -> str | None:
    name = text.partition("=")[0]
    spelled = name.replace("_", "-") if name.startswith("--") else name
    if spelled in {*NODES, *USELESS, *DATA, *FLAGS, REVISION}:
        return spelled
    return flags.managed(text)


def values_of(flag: str, words: list[Arg], at: int) -> list[Arg]:
    word = words[at]
    _, equals, value = word.text.partition("=")
    if equals:
        return [word.with_text(value)]
    if flag in SWITCHES:
        return []
    if flag in LISTS:
        return list(until_flag(words[at + 1 :]))
    following = words[at + 1 : at + 2]
    if not following or (following[0].text.startswith("--")):
        raise UnclearError(
            f"line {word.line}: {word.text} needs a value: is it missing, or a \\ at the end of "
            "the line?"
        )
    return following


def until_flag(words: list[Arg]) -> Iterator[Arg]:
    for word in words:
        if word.text.startswith("-"):
            return
        yield word


def canonical(flag: str) -> str:
    if flag in DATA:
        return "data"
    return FLAGS.get(flag, flag)


def several_nodes(result: Flags, flag: str, values: list[Arg], report: Report) -> None:
    if flag == "--nnodes":
        result.nodes = whole(values)
    report.say(
        " ".join(arg.source for arg in values),
        "left out: one pod on one node has no other to find",
        line=values[0].line,
    )


def single(values: list[Arg]) -> Arg:
    """The value; a shell's work in it is missed by whoever asks for the field."""
    value = values[-1]
    if value.unknown:
        raise UnknownValueError(values[0].text.partition("=")[0], value)
    return value


class UnknownValueError(UnclearError):
    """A flag with a field, whose value only the card's own shell knew."""

    def __init__(self, flag: str, value: Arg) -> None:
        names = ", ".join(value.unknown)
        super().__init__(
            f"line {value.line}: {flag} is {names}, which this text does not set: write the value "
            "there, or give it with --set NAME=VALUE"
        )


def whole(values: list[Arg]) -> int:
    value = single(values)
    found = AMOUNT.fullmatch(value.text)
    if found is None:
        raise UnclearError(
            f"line {value.line}: {values[0].text} {value.text}: no number, and there is no field "
            "for anything else: write the number that is meant"
        )
    return int(float(found.group(1)) * HUMAN.get(found.group(2), 1))


def share(values: list[Arg]) -> float:
    value = single(values)
    try:
        return float(value.text)
    except ValueError as wrong:
        text = f"line {value.line}: {values[0].text} {value.text}: write a number such as 0.9"
        raise UnclearError(text) from wrong


def number(name: str) -> Callable[[Flags, list[Arg], Report], None]:
    def take(result: Flags, values: list[Arg], _: Report) -> None:
        result.fields[name] = whole(values)

    return take


def memory(result: Flags, values: list[Arg], _: Report) -> None:
    result.fields["gpuMemoryUtilization"] = share(values)


def names(result: Flags, values: list[Arg], report: Report) -> None:
    told = [single([values[0], value]).text for value in values[1:]]
    if told:
        result.fields["servedModelNames"] = list(dict.fromkeys(told))
    else:
        report.say(values[0].text, "left out: no name follows", line=values[0].line)


def trust(result: Flags, values: list[Arg], _: Report) -> None:
    said = values[-1].text.lower() not in {"false", "0"}
    result.fields["trustRemoteCode"] = said and "--no" not in values[0].text


def host(_: Flags, values: list[Arg], report: Report) -> None:
    said = " ".join(arg.source for arg in values)
    report.say(said, "left out: the operator sets it to 0.0.0.0", line=values[0].line)


def model(result: Flags, values: list[Arg], _: Report) -> None:
    result.model = single(values)


def key(result: Flags, values: list[Arg], _: Report) -> None:
    result.api_key = values[-1]


def data(result: Flags, values: list[Arg], _: Report) -> None:
    result.data = whole(values)
    result.args.extend(values if "=" not in values[0].text else values[:1])


def revision(result: Flags, values: list[Arg], _: Report) -> None:
    result.revision = single(values).text


FIELDS: Mapping[str, Callable[[Flags, list[Arg], Report], None]] = {
    "spec.source": model,
    "spec.server.servedModelNames": names,
    "spec.server.port": number("port"),
    "spec.server.trustRemoteCode": trust,
    "spec.server.maxModelLen": number("maxModelLen"),
    "spec.server.gpuMemoryUtilization": memory,
    "spec.server.tensorParallelSize": number("tensorParallelSize"),
    "spec.server.pipelineParallelSize": number("pipelineParallelSize"),
    "spec.server.apiKeySecretRef": key,
    "spec.server.drainSeconds": number("drainSeconds"),
    FIXED_FLAG: host,
    REVISION: revision,
    "data": data,
}


def positional(result: Flags) -> None:
    """`vllm serve MODEL ...`: the first word, or the last that cannot be a flag's value."""
    if result.model is not None or not result.args:
        return
    args = result.args
    if not args[0].text.startswith("-"):
        result.model = args.pop(0)
    elif len(args) > 1 and not args[-1].text.startswith("-"):
        before = args[-2].text
        if not before.startswith("-") or "=" in before:
            result.model = args.pop()
