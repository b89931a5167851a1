"""Every example, parsed, decided and rendered as the operator would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from flagos_operator.api.outcome import Invalid
from flagos_operator.api.spec import parse
from flagos_operator.catalog.catalogue import Catalogue, builtin
from flagos_operator.catalog.chips import Chips
from flagos_operator.decisions import Supplier, Supply, planned
from flagos_operator.desired.given import Defaults, Meta
from flagos_operator.desired.plan import Plan
from flagos_operator.desired.render import render
from flagos_operator.render import Dumper

ROOT = Path(__file__).parents[2]
EXPECTED = Path(__file__).parent / "expected"
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
DEFAULTS = Defaults(
    fetch_image="registry.example/flagos-operator:1", registry_rewrite={}, fetch_env={}
)
UID = "5f0a0f8e-0000-4000-8000-000000000000"

Objects = tuple[dict[str, Any], ...]


def catalogue() -> Catalogue:
    found = builtin()
    assert not isinstance(found, Invalid), found.message
    return found


def chips() -> Chips:
    return catalogue().chips


def plan(
    example: Path,
    *,
    defaults: Defaults = DEFAULTS,
    supplied: Callable[[Supply], Supply] = lambda newest: newest,
) -> Plan:
    model = yaml.safe_load(example.read_text())
    spec = parse(model)
    assert not isinstance(spec, Invalid), spec.message
    meta = Meta(namespace="models", name=model["metadata"]["name"], uid=UID, generation=1)
    supply = supplied(Supplier().supply(catalogue(), spec, spec.release))
    decided = planned(model, spec, supply, meta=meta, defaults=defaults)
    assert not isinstance(decided, Invalid), decided.message
    return decided


def objects(example: Path) -> Objects:
    return render(plan(example))


def text(example: Path) -> str:
    return yaml.dump_all(
        objects(example), Dumper=Dumper, sort_keys=False, explicit_start=True, width=1000
    )


def pod_spec(example: Path) -> dict[str, Any]:
    found: dict[str, Any] = objects(example)[-1]["spec"]["template"]["spec"]
    return found


def server(example: Path) -> dict[str, Any]:
    found: dict[str, Any] = pod_spec(example)["containers"][0]
    return found
