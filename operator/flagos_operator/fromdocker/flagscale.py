"""FlagScale's own configuration, which from-docker does not carry over: what to do about it."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import yaml

from flagos_operator.fromdocker.pasted import YAML

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flagos_operator.fromdocker.pasted import Pasted
    from flagos_operator.fromdocker.report import Report
    from flagos_operator.fromdocker.shell import Arg

VALUES = {"--model-path", "--port", "--engine-args"}  # flags that take the next word
IN_THE_IMAGE = (
    "read by FlagScale in the container: it must be in the image, or come in as a ConfigMap by "
    "pod.volumes and server.volumeMounts; its model and devices are not known here (--repo, "
    "--devices)"
)
LONGEST = 512


def tell(words: Sequence[Arg], pasted: Iterable[Pasted], *, line: int, report: Report) -> None:
    for path in operands(words)[1:2]:
        report.say(path, IN_THE_IMAGE, line=line)
    for one in pasted:
        for flags in lines_of(one):
            why = (
                "not carried over: FlagScale reads the file of its image. As flags, to be put in "
                f"the place of its line: {flags}"
            )
            report.say("engine_args", why, line=one.first)


def operands(words: Sequence[Arg]) -> list[str]:
    """Of `flagscale serve MODEL [YAML]`: what is no flag and no flag's value."""
    found, skip = [], False
    for word in words[2:]:
        text = word.text
        if skip:
            skip = False
        elif text.startswith("-"):
            skip = text.replace("_", "-") in VALUES
        else:
            found.append(text)
    return found


def lines_of(one: Pasted) -> Iterator[str]:
    """One for each engine of the file; what is no such file has none."""
    if "engine_args" not in one.text or (one.language not in YAML and not is_yaml(one.name)):
        return
    try:
        said = yaml.safe_load(one.text)
    except (yaml.YAMLError, RecursionError, ValueError):
        return
    served = said.get("serve") if isinstance(said, dict) else None
    for engine in served if isinstance(served, list) else []:
        args = engine.get("engine_args") if isinstance(engine, dict) else None
        if isinstance(args, dict) and len(line := vllm(args)) <= LONGEST:
            yield line


def is_yaml(name: str) -> bool:
    return name.rpartition(".")[2] in YAML


def vllm(args: Mapping[Any, Any]) -> str:
    model = args.get("model")
    words = ["vllm", "serve", *([model] if isinstance(model, str) else [])]
    for name, value in args.items():
        if isinstance(name, str) and name != "model":
            words += flag(f"--{name.replace('_', '-')}", value)
    return shlex.join(words)


def flag(name: str, value: object) -> list[str]:
    """A switch that is off is vLLM's own default, or has a word of its own that is not known."""
    if value is True:
        return [name]
    if value is False or value is None:
        return []
    if isinstance(value, dict | list):
        return [name, short_json(value)]
    return [name, str(value)]


def short_json(value: object) -> str:
    """Shared parts of YAML would be written out many times over."""
    chunks, size = [], 0
    for chunk in json.JSONEncoder(default=str).iterencode(value):
        chunks.append(chunk)
        size += len(chunk)
        if size > LONGEST:
            break
    return "".join(chunks)
