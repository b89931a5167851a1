"""Edits of a live object: what may change, who owns what, and what comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest

from tests.kube import Body, CommandFailedError, Kube, run
from tests.unit.api.cases import a_model

Claim = dict[str, object]


@pytest.fixture
def model(request: pytest.FixtureRequest, space: Kube) -> Iterator[Callable[..., Body]]:
    """Applies one model under the test's own name, as often as it is called."""
    name = "m-" + re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[-40:]

    def apply(**spec: object) -> Body:
        body = a_model(**spec)
        body["metadata"]["name"] = name
        space.apply(body)
        return space.get("flagosmodel", name)

    yield apply
    space.kubectl("delete", "flagosmodel", name, "--ignore-not-found")


def claim(**fields: object) -> Body:
    return {"volumeClaimTemplate": {"size": "100Gi"} | fields}


ALLOWED: dict[str, tuple[Body, Body]] = {
    "grow": (claim(), claim(size="101Gi")),
    "shrink, as after a growth that was refused": (claim(), claim(size="99Gi")),
    "the same size in another unit": (claim(size="1Ti"), claim(size="1024Gi")),
    "nothing": (claim(accessModes=["ReadWriteMany"]), claim(accessModes=["ReadWriteMany"])),
    "order of modes": (
        claim(accessModes=["ReadWriteOnce", "ReadWriteMany"]),
        claim(accessModes=["ReadWriteMany", "ReadWriteOnce"]),
    ),
    "another policy": (claim(), claim() | {"reclaimPolicy": "Delete"}),
    "a claim of their own": (claim(), {"persistentVolumeClaim": {"claimName": "own"}}),
    "a first claim": ({"emptyDir": {}}, claim()),
}
REFUSED: dict[str, tuple[Body, Body, str]] = {
    "another class": (
        claim(storageClassName="a"),
        claim(storageClassName="b"),
        "storageClassName of a claim cannot change",
    ),
    "a class at last": (
        claim(),
        claim(storageClassName="a"),
        "storageClassName of a claim cannot change",
    ),
    "no class any more": (
        claim(storageClassName="a"),
        claim(),
        "storageClassName of a claim cannot change",
    ),
    "another mode": (
        claim(accessModes=["ReadWriteOnce"]),
        claim(accessModes=["ReadWriteMany"]),
        "accessModes of a claim cannot change",
    ),
    "modes at last": (
        claim(),
        claim(accessModes=["ReadWriteOnce"]),
        "accessModes of a claim cannot change",
    ),
}


@pytest.mark.parametrize(("before", "after"), ALLOWED.values(), ids=ALLOWED)
def test_this_may_change(model, before, after):
    model(weights=before)
    assert model(weights=after)["spec"]["weights"] == after


@pytest.mark.parametrize(("before", "after", "words"), REFUSED.values(), ids=REFUSED)
def test_this_cannot_change_and_says_what_to_do(model, before, after, words):
    model(weights=before)
    with pytest.raises(CommandFailedError, match=words):
        model(weights=after)


def test_everything_else_may_change_at_once(model):
    model()
    changed = model(
        chip="nvidia",
        devices=2,
        image="vllm:2",
        source={"hostPath": {"path": "/share"}},
        server={"engine": "SGLang"},
        replicas=0,
    )
    assert changed["metadata"]["generation"] == 2


def test_the_old_object_of_a_newer_rule_can_still_be_deleted(space: Kube, model) -> None:
    """KAITO #1719: new rules blocked the deletion of old objects.

    Validation is about writes of the spec; a deletion and a finalizer are not held up.
    """
    name = model()["metadata"]["name"]
    space.patch("flagosmodel", name, {"metadata": {"finalizers": ["example.com/hold"]}})
    space.delete_soon(name) if hasattr(space, "delete_soon") else space.kubectl(
        "delete", "flagosmodel", name, "--wait=false"
    )
    space.patch("flagosmodel", name, {"metadata": {"finalizers": None}})
    assert name not in space.names("flagosmodel")


def status(space: Kube, name: str, change: Body) -> Body:
    words = ("patch", "flagosmodel", name, "--subresource=status", "--type=merge", "-o", "json")
    found: Body = json.loads(space.kubectl(*words, "-p", json.dumps({"status": change})))
    return found


def test_a_status_write_touches_neither_spec_nor_generation(space: Kube, model) -> None:
    made = model()
    change = json.dumps({"status": {"phase": "Ready"}, "spec": {"replicas": 7}})
    words = ("patch", "flagosmodel", made["metadata"]["name"], "--subresource=status")
    space.kubectl(*words, "--type=merge", "-p", change)
    found = space.get("flagosmodel", made["metadata"]["name"])
    assert found["status"] == {"phase": "Ready"}
    assert found["spec"] == made["spec"]
    assert found["metadata"]["generation"] == 1


def test_a_status_of_a_newer_operator_is_kept_as_far_as_it_is_known(space: Kube, model) -> None:
    name = model()["metadata"]["name"]
    known = {"phase": "A phase of next year", "weights": {"totalBytes": 5 * 10**12}}
    newer = {"novelty": {"a": 1}, "weights": known["weights"] | {"novelty": 1}}
    assert status(space, name, known | newer)["status"] == known


def a_condition(kind: str, value: str, **more: object) -> Body:
    time = "2026-01-02T03:04:05Z"
    return {"type": kind, "status": value, "reason": "R", "lastTransitionTime": time} | more


def test_kubectl_shows_ready_and_its_reason_and_waits_for_it(space: Kube, model) -> None:
    name = model()["metadata"]["name"]
    conditions = [
        a_condition("Available", "False"),
        a_condition("Ready", "True", reason="Serving"),
    ]
    status(
        space,
        name,
        {
            "phase": "Ready",
            "stack": "FlagOS",
            "resolved": {"chip": "cpu", "image": "vllm:1"},
            "progress": "42 GiB",
            "conditions": conditions,
            "url": "http://a-model.default.svc:8000",
            "weights": {"source": "modelscope:a/b"},
        },
    )
    row = space.kubectl("get", "fom", name, "--no-headers").split()
    assert row[:-1] == [name, "Ready", "True", "cpu", "FlagOS", "42", "GiB", "Serving"]
    wide = space.kubectl("get", "fom", name, "--no-headers", "-o", "wide").split()
    assert wide[-4:-1] != []
    assert {"http://a-model.default.svc:8000", "vllm:1", "modelscope:a/b"} <= set(wide)
    space.kubectl("wait", "--for=condition=Ready", f"flagosmodel/{name}", "--timeout=10s")


def test_scale_reads_and_writes_what_an_autoscaler_needs(space: Kube, model) -> None:
    name = model(replicas=2)["metadata"]["name"]
    status(space, name, {"replicas": 1, "selector": f"flagos.io/model={name}"})
    path = f"/apis/flagos.io/v1alpha1/namespaces/{space.namespace}/flagosmodels/{name}/scale"
    scale = json.loads(run("kubectl", "get", "--raw", path))
    assert scale["spec"] == {"replicas": 2}
    assert scale["status"] == {"replicas": 1, "selector": f"flagos.io/model={name}"}
    space.kubectl("scale", f"flagosmodel/{name}", "--replicas=0")
    assert space.get("flagosmodel", name)["spec"]["replicas"] == 0


def test_two_owners_of_a_list_merge_by_name(space: Kube, model) -> None:
    """As with a container's env: an administrator adds a variable beside the user's."""
    made = model(server={"env": [{"name": "A", "value": "1"}]})
    patch = {key: made[key] for key in ("apiVersion", "kind")}
    patch["metadata"] = {"name": made["metadata"]["name"]}
    patch["spec"] = {"server": {"env": [{"name": "B", "value": "2"}]}}
    words = ("apply", "--server-side", "--field-manager=administrator", "-f", "-")
    space.kubectl(*words, stdin=json.dumps(patch))
    env = space.get("flagosmodel", made["metadata"]["name"])["spec"]["server"]["env"]
    assert [item["name"] for item in env] == ["A", "B"]


def test_two_owners_of_an_order_do_not_merge_it(space: Kube) -> None:
    """Chips are wanted in their order: put together from two, it would be nobody's."""

    def say(*chips: str, who: str) -> str:
        body = a_model() | {"spec": {"replicas": 0, "model": {"name": "Qwen3-8B"}}}
        body["metadata"]["name"] = "ordered"
        body["spec"]["model"]["chips"] = [*chips]
        words = ("apply", "--server-side", f"--field-manager={who}", "-f", "-")
        space.kubectl(*words, stdin=json.dumps(body))
        said: list[str] = space.get("flagosmodel", "ordered")["spec"]["model"]["chips"]
        return ", ".join(said)

    assert say("nvidia", "metax", who="one") == "nvidia, metax"
    assert say("metax", "nvidia", who="one") == "metax, nvidia"
    with pytest.raises(CommandFailedError, match=r'conflict with "one": \.spec\.model\.chips'):
        say("hygon", "metax", who="other")
    space.delete("flagosmodel", "ordered")
