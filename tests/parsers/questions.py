"""All that the real parsers are asked, in one go for each: to start a vLLM takes seconds."""

from __future__ import annotations

import functools
from typing import Any

import yaml

from flagos_operator.catalog.images import hints
from flagos_operator.catalog.versions import numbers
from testbed.vllm.parsers import VERSIONS, Verdict, parse_check
from tests.golden.examples import EXAMPLES, server
from tests.unit.api.cases import RELEASES, Body
from tests.unit.catalog import published as catalogued
from tests.unit.desired.build import line, outcome

Questions = dict[str, list[str]]
OLDEST_FIRST = sorted(VERSIONS, key=lambda version: numbers(version) or ())
# Every field that becomes a flag.
SAID: Body = {
    "devices": 8,
    "weights": {"mountPath": "/share/Model"},
    "server": {
        "port": 9000,
        "servedModelNames": ["one", "two"],
        "trustRemoteCode": True,
        "maxModelLen": 4096,
        "gpuMemoryUtilization": 0.85,
        "pipelineParallelSize": 2,
        "drainSeconds": 60,
        "args": ["--dtype", "bfloat16"],
    },
}
SPELLINGS = (
    ["--tensor_par=4"],
    ["--served-model", "x"],
    ["-tp4"],
    ["--shutdown-timeout", "30"],
)


@functools.cache
def verdicts(version: str) -> dict[str, Verdict]:
    asked = {
        **examples(version),
        **published(version),
        **shipped(version),
        "fields": fields(version),
        **spelled(),
    }
    return dict(zip(asked, parse_check(version, list(asked.values())), strict=True))


def examples(version: str) -> Questions:
    return {
        f"example {example.stem}": words
        for example in EXAMPLES
        if nearest(version_of(yaml.safe_load(example.read_text()))) == version
        and (words := served(server(example)))
    }


def published(version: str) -> Questions:
    return {
        f"published {release['metadata']['name']}": words
        for release in RELEASES
        if nearest(version_of(release)) == version
        and not hasattr(outcome(release), "reason")
        and (words := after_serve(line(**release["spec"])))
    }


def shipped(version: str) -> Questions:
    """Rows of the catalogue, each by its name alone."""
    return {
        f"shipped {name}": after_serve(["serve", *catalogued.words(name)])
        for name, release in catalogued.catalogue().releases.items()
        if catalogued.parser_of(release) == version
    }


def fields(version: str) -> list[str]:
    spec: dict[str, Any] = SAID | {"versions": {"vllm": version}}
    return after_serve(line(**spec))


def spelled() -> Questions:
    return {" ".join(words): ["/m", *words] for words in SPELLINGS}


def nearest(version: str | None) -> str | None:
    """The next newer parser that is here."""
    asked = numbers(version)
    newer = (known for known in OLDEST_FIRST if asked and (numbers(known) or ()) >= asked)
    return next(newer, None)


def version_of(model: Body) -> str | None:
    spec = model["spec"]
    if "release" in spec:
        return catalogued.version_of(catalogued.catalogue().releases[spec["release"]])
    said: str | None = spec.get("versions", {}).get("vllm")
    return said or hints(spec.get("image", "")).vllm


def served(container: Body) -> list[str]:
    return after_serve([*container.get("command", []), *container.get("args", [])])


def after_serve(words: list[str]) -> list[str]:
    """Nothing of a line that starts no vLLM. A chat template has to be a file that is here."""
    here = [__file__ if word.endswith(".jinja") else word for word in words]
    return here[here.index("serve") + 1 :] if "serve" in here else []
