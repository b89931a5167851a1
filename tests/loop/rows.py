"""Catalogues as tests change them, and what became of the model `m` that is made from them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flagos_operator.api.outcome import Invalid
from flagos_operator.catalog.catalogue import Catalogue, Release, builtin, release_of
from tests.loop.running import (
    a_model,
    a_pod,
    condition,
    eventually,
    quiet,
    served,
    template,
)

if TYPE_CHECKING:
    from flagos_operator.app import App

Body = dict[str, Any]

# A second release of the same model on the same chip, with one word more.
ROW: Body = {
    "model": "Tiny",
    "chip": "cpu",
    "devices": 0,
    "image": "registry.local/vllm:0.20.0",
    "source": {"persistentVolumeClaim": {"claimName": "shared", "path": "tiny"}},
    "server": {"args": ["--dtype", "float32"]},
}


def catalogue(*, env: str = "", releases: dict[str, Body] | None = None) -> Catalogue:
    """As shipped, with a variable more on the chip, and with these releases."""
    own = {"cpu": {"env": [{"name": "OF_CHIP", "value": env}]}} if env else None
    found = builtin(own)
    assert not isinstance(found, Invalid)
    rows = {name: a_release(name, **row) for name, row in (releases or {}).items()}
    return replace(found, releases=rows)


def a_release(name: str, **fields: Any) -> Release:
    found = release_of(name, fields)
    assert not isinstance(found, Invalid), found
    return found


def now(app: App, found: Catalogue) -> None:
    """As whoever follows the rows in the cluster tells it."""
    app.decisions.catalogue = lambda: found
    app.rows_changed(chips=["cpu"], releases=["tiny-cpu"])


def without_cpu() -> Catalogue:
    found = catalogue()
    return replace(found, chips={n: chip for n, chip in found.chips.items() if n != "cpu"})


def pins(kube) -> list[Body]:
    return sorted(kube.all("ControllerRevision"), key=lambda each: each["revision"])


def proven(kube) -> list[bool]:
    marked = (each["metadata"].get("annotations") or {} for each in pins(kube))
    return ["flagos.io/unproven" not in each for each in marked]


def server(kube) -> Body:
    return kube.find("Deployment", "m")["spec"]["template"]["spec"]["containers"][0]


def env(kube) -> dict[str, str]:
    return {item["name"]: item.get("value") for item in server(kube)["env"]}


def up_to_date(kube) -> str:
    return condition(kube, "UpToDate").get("reason", "")


async def ready(kube, body: Body | None = None):
    if body:
        kube.create(body)
        await served(kube)
    kube.put(a_pod("m-1", template=template(kube)))
    await eventually(lambda: condition(kube, "Ready").get("status") == "True")
    await quiet(kube)


def of_release(**spec: Any) -> Body:
    return {**a_model(), "spec": {"release": "tiny-cpu", "replicas": 1, **spec}}


async def restart(kube, when: str):
    """As kubectl rollout restart does it."""
    asked = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": when}}}
    kube.patch("Deployment", "m", {"spec": {"template": asked}})
