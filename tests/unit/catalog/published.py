"""Each shipped release as a model that says nothing but its name, and what proves each."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from flagos_operator.api.outcome import Invalid
from flagos_operator.api.spec import parse
from flagos_operator.catalog.catalogue import Catalogue, Release, builtin
from flagos_operator.catalog.images import hints
from flagos_operator.catalog.versions import numbers
from flagos_operator.decisions import Supplier, planned
from flagos_operator.desired.given import Defaults, Meta
from flagos_operator.desired.plan import Plan
from flagos_operator.desired.render import render
from testbed.vllm.parsers import VERSIONS
from tests.unit.desired.build import DEFAULTS

OLDEST_FIRST = sorted(VERSIONS, key=lambda version: numbers(version) or ())
# Releases that this project has started on the chip itself, and where that is written down.
# A start with the same stack and other weights is none.
RAN: Mapping[str, str] = {}


@functools.cache
def catalogue() -> Catalogue:
    found = builtin()
    assert not isinstance(found, Invalid), found.message
    return found


def outcome(name: str) -> Plan | Invalid:
    body = {
        "apiVersion": "flagos.io/v1alpha1",
        "kind": "FlagOSModel",
        "metadata": {"name": "served"},
        "spec": {"release": name},
    }
    spec = parse(body)
    assert not isinstance(spec, Invalid), spec.message
    meta = Meta(namespace="team", name="served", uid="u-1", generation=1)
    supply = Supplier().supply(catalogue(), spec, name)
    return planned(body, spec, supply, meta=meta, defaults=Defaults(**DEFAULTS))


def words(name: str) -> list[str]:
    """What follows `serve` on the line; nothing where that starts no vLLM."""
    found = outcome(name)
    if isinstance(found, Invalid):
        return []
    deployment = next(each for each in render(found) if each["kind"] == "Deployment")
    containers = deployment["spec"]["template"]["spec"]["containers"]
    server = next(each for each in containers if each["name"] == "server")
    line = [*server.get("command", []), *server.get("args", [])]
    return line[line.index("serve") + 1 :] if "serve" in line else []


def version_of(release: Release) -> str | None:
    said = release.spec.versions.vllm
    return said or hints(release.spec.image or "").vllm


def parser_of(release: Release) -> str | None:
    """The next newer parser that is here, of a vLLM whose version is known."""
    asked = numbers(version_of(release))
    newer = (known for known in OLDEST_FIRST if asked and (numbers(known) or ()) >= asked)
    return next(newer, None) if words(release.name) else None
