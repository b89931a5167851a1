"""A model said in a few words, decided and rendered as the operator would."""

from __future__ import annotations

from typing import Any

from flagos_operator.api.outcome import Invalid
from flagos_operator.api.spec import parse
from flagos_operator.catalog.chips import Chips, load_chips
from flagos_operator.desired.given import Defaults, Meta
from flagos_operator.desired.plan import Plan, decide
from flagos_operator.desired.render import render

Body = dict[str, Any]
IMAGE = "registry.example/vllm-gems5.0.2-plugin0.2.0-vllm0.20.2:1"
DEFAULTS: Body = {
    "fetch_image": "registry.example/flagos-operator:1",
    "registry_rewrite": {},
    "fetch_env": {},
}


def chips(own: Body | None = None) -> Chips:
    found = load_chips(own)
    assert not isinstance(found, Invalid), found.message
    return found


def model(name: str = "qwen", **spec: Any) -> Body:
    smallest = {"chip": "nvidia", "image": IMAGE, "source": {"modelscope": {"repo": "a/b"}}}
    return {
        "apiVersion": "flagos.io/v1alpha1",
        "kind": "FlagOSModel",
        "metadata": {"name": name},
        "spec": smallest | spec,
    }


def outcome(body: Body, *, own: Body | None = None, **settings: Any) -> Plan | Invalid:
    """`own` are chips of the user's."""
    spec = parse(body)
    if isinstance(spec, Invalid):
        return spec
    meta = Meta(namespace="team", name=body["metadata"]["name"], uid="u-1", generation=1)
    return decide(spec, meta=meta, defaults=Defaults(**DEFAULTS | settings), chips=chips(own))


def plan(body: Body | None = None, *, settings: Body | None = None, **spec: Any) -> Plan:
    """`settings` are the operator's, `own` in it the user's chips; `spec` is the model's."""
    decided = outcome(body or model(**spec), **settings or {})
    assert isinstance(decided, Plan), decided
    return decided


def refusal(*, own: Body | None = None, **spec: Any) -> Invalid:
    decided = outcome(model(**spec), own=own)
    assert isinstance(decided, Invalid), "it was accepted"
    return decided


def objects(**said: Any) -> dict[str, Body]:
    return {manifest["kind"]: manifest for manifest in render(plan(**said))}


def pod(**spec: Any) -> Body:
    found: Body = objects(**spec)["Deployment"]["spec"]["template"]["spec"]
    return found


def server(**spec: Any) -> Body:
    found: Body = pod(**spec)["containers"][0]
    return found


def fetch(**spec: Any) -> Body:
    found: Body = pod(**spec)["initContainers"][0]
    return found


def line(**spec: Any) -> list[str]:
    container = server(**spec)
    return [*container.get("command", []), *container.get("args", [])]


def value_of(flag: str, words: list[str]) -> str | None:
    return words[words.index(flag) + 1] if flag in words else None


def env(**spec: Any) -> dict[str, str | None]:
    return {item["name"]: item.get("value") for item in server(**spec)["env"]}
