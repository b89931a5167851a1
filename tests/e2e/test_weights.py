"""Weights on a real node: seen as they arrive, found again, shared, refused for want of room.

A web server takes vLLM's place: what is tested here is over when it starts.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from tests.e2e.big_hub import MIB, NAME, REPOS, Hub, manifests
from tests.e2e.conftest import a_namespace, namespace_for
from tests.e2e.model import Model, light
from tests.kube import Body, Kube, eventually

pytestmark = pytest.mark.timeout(300)

FRESH = 5.0  # seconds: as old as the status may become while a download goes on
LINE = 2.0  # seconds between two lines of the download
LOOK = 0.3
DELAY = 1.5  # seconds for a look, a read and a write on a busy machine
WATCHED = 20.0
SMALL = "/var/lib/flagos-e2e-small"


def a_model(name: str, source: Body, **spec: Any) -> Body:
    return light(name, source=source, **{"weights": {"emptyDir": {}}, **spec})


@pytest.fixture(scope="module")
def big_hub(shared_space: Kube, address_of: Callable[[Kube, str], str]) -> Hub:
    shared_space.apply(*manifests())
    shared_space.kubectl("rollout", "status", f"deployment/{NAME}", "--timeout=90s")
    return Hub(shared_space, address_of(shared_space, NAME))


@pytest.fixture(autouse=True)
def _quick_hub(big_hub: Hub) -> Iterator[None]:
    big_hub.forget()
    yield
    big_hub.set_right()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What hub and status said in one moment."""

    at: float
    sent: int
    told: int | None
    version: str
    percent: int | None
    progress: str


def sample(model: Model, hub: Hub, repo: str) -> Sample:
    body = model.body()
    status = body.get("status", {})
    weights = status.get("weights", {})
    return Sample(
        at=time.monotonic(),
        sent=hub.sent(repo),
        told=weights.get("downloadedBytes"),
        version=body["metadata"]["resourceVersion"],
        percent=weights.get("percent"),
        progress=status.get("progress", ""),
    )


@pytest.fixture(scope="module")
def watched(shared_space: Kube, big_hub: Hub) -> Iterator[list[Sample]]:
    """A slow download, looked at all the time, from both ends."""
    repo, model = "flagos/large", Model(shared_space, "watched")
    big_hub.forget()
    big_hub.slow(MIB // 2)
    shared_space.apply(a_model("watched", big_hub.source(repo)))
    eventually(lambda: sample(model, big_hub, repo).told, within=60, what="bytes in the status")
    found, end = [], time.monotonic() + WATCHED
    while time.monotonic() < end:
        found.append(sample(model, big_hub, repo))
        time.sleep(LOOK)
    yield found
    shared_space.delete("flagosmodel", "watched")


def changes(samples: list[Sample]) -> list[Sample]:
    """The first sample of each figure, without that of the first."""
    pairs = itertools.pairwise(samples)
    return [new for old, new in pairs if new.told != old.told]


def age(told: int, *, seen: Sample, samples: list[Sample]) -> float:
    """Since when the hub has sent more than what is told."""
    later = [each.at for each in samples if each.sent > told]
    return max(0.0, seen.at - later[0]) if later else 0.0


def test_the_status_follows_a_download_and_is_new_every_five_seconds(
    watched: list[Sample],
) -> None:
    moments = [watched[0].at, *(each.at for each in changes(watched)), watched[-1].at]
    gaps = [after - before for before, after in itertools.pairwise(moments)]
    assert len(gaps) >= WATCHED / (FRESH + DELAY)
    assert max(gaps) <= FRESH + DELAY, gaps


def test_what_is_new_in_the_status_is_hardly_older_than_the_line_it_comes_from(
    watched: list[Sample],
) -> None:
    ages = [age(each.told or 0, seen=each, samples=watched) for each in changes(watched)]
    assert ages
    assert max(ages) <= LINE + DELAY, ages


def test_it_costs_at_most_one_write_in_five_seconds(watched: list[Sample]) -> None:
    writes = len({each.version for each in watched}) - 1
    assert 2 <= writes <= (watched[-1].at - watched[0].at + DELAY) / FRESH


def test_it_only_ever_grows_and_is_never_more_than_was_sent(watched: list[Sample]) -> None:
    told = [each.told for each in watched]
    assert None not in told, "bytes were there and then gone"
    assert told == sorted(told, key=lambda each: each or 0)
    percents = [each.percent or 0 for each in watched]
    assert percents == sorted(percents)
    assert all((each.told or 0) <= each.sent for each in watched)


def test_a_person_sees_bytes_percent_and_speed(watched: list[Sample]) -> None:
    shown = watched[-1].progress
    assert shown.startswith(f"downloading {watched[-1].percent}%, ")
    assert " of 128.0 MiB, " in shown
    assert "/s, " in shown
    assert shown.endswith(" left")


def test_kubectl_get_shows_it_in_its_column(shared_space: Kube, big_hub: Hub) -> None:
    big_hub.slow(MIB // 2)
    shared_space.apply(a_model("column", big_hub.source("flagos/large")))
    model = Model(shared_space, "column")
    eventually(lambda: "MiB, " in model.row(), within=60, what="progress in kubectl get")
    assert model.row().split()[:2] == ["column", "Downloading"]
    shared_space.delete("flagosmodel", "column")


def test_a_hub_that_nobody_answers_for_is_told_within_seconds(shared_space: Kube) -> None:
    """The download tries for minutes before it fails; until then it read as if all went well."""
    endpoint = f"http://nobody.{shared_space.namespace}.svc:8000"
    source = {"modelscope": {"repo": "flagos/large", "endpoint": endpoint}}
    shared_space.apply(a_model("nobody", source))
    model = Model(shared_space, "nobody")
    eventually(
        lambda: (
            "trying again in" in model.row() and f"nobody.{shared_space.namespace}" in model.row()
        ),
        within=30,
        what="the hub's name and what is wrong with it",
    )
    assert "trying again in" in model.condition("WeightsReady")["message"]
    assert model.condition("Ready")["reason"] == "Downloading"
    shared_space.delete("flagosmodel", "nobody")


def fetch_of(pod: Body) -> Body:
    told: list[Body] = pod["status"].get("initContainerStatuses", [])
    found: Body = next((each for each in told if each["name"] == "fetch"), {})
    return found


def took(fetch: Body) -> float:
    ended = fetch["state"]["terminated"]
    start, end = (datetime.fromisoformat(ended[name]) for name in ("startedAt", "finishedAt"))
    return (end - start).total_seconds()


def test_a_second_pod_finds_the_weights_and_asks_no_hub(shared_space: Kube, big_hub: Hub) -> None:
    claim = {"volumeClaimTemplate": {"size": "1Gi"}}
    shared_space.apply(a_model("warm", big_hub.source("flagos/large"), weights=claim))
    model = Model(shared_space, "warm")
    model.wait_ready()
    weights = model.body()["status"]["weights"]
    assert "percent" not in weights
    assert weights["totalBytes"] > REPOS["flagos/large"]
    (first,) = model.pods()
    big_hub.forget()
    shared_space.delete("pod", first["metadata"]["name"])

    def fetched_again() -> Body | None:
        new = [pod for pod in model.pods() if pod["metadata"]["uid"] != first["metadata"]["uid"]]
        found = fetch_of(new[0]) if new else {}
        return found if "terminated" in found.get("state", {}) else None

    fetch = eventually(fetched_again, within=60, what="the second pod has its weights")
    assert fetch["state"]["terminated"]["exitCode"] == 0
    assert took(fetch) <= 2
    assert big_hub.requests() == []
    model.wait_ready()
    assert model.body()["status"]["weights"] == weights
    shared_space.delete("flagosmodel", "warm")


def test_two_models_on_one_claim_download_once(shared_space: Kube, big_hub: Hub) -> None:
    shared_space.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "shared"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }
    )
    big_hub.slow(MIB)
    weights = {"persistentVolumeClaim": {"claimName": "shared"}}
    source = big_hub.source("flagos/middle")
    names = ("one", "other")
    shared_space.apply(*(a_model(name, source, weights=weights) for name in names))
    models = [Model(shared_space, name) for name in names]

    def one_waits() -> bool:
        rows = [model.row() for model in models]
        return any("waiting for another pod's download" in row for row in rows)

    eventually(one_waits, within=60, what="one model waits for the other one's download")
    reasons = {model.condition("WeightsReady")["reason"] for model in models}
    assert reasons == {"Downloading", "LockHeld"}
    big_hub.set_right()
    for model in models:
        model.wait_ready()
    sent = big_hub.sent_files("flagos/middle")
    assert sent["model.safetensors"] == REPOS["flagos/middle"]
    digests = {model.body()["status"]["weights"]["digest"] for model in models}
    assert len(digests) == 1
    shared_space.kubectl("delete", "flagosmodel", *names)


@pytest.fixture
def small_volume(request: pytest.FixtureRequest) -> Iterator[Kube]:
    """A namespace that may use host paths, and one MiB of memory mounted at such a path."""
    mounted = "mount -t tmpfs -o size=1m,mode=1777 small /outside/volume"
    script = (
        f"mkdir -p /outside/volume && {mounted} && "
        "trap 'umount /outside/volume; exit' TERM && while :; do sleep 1; done"
    )
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "mounts"},
        "spec": {
            "terminationGracePeriodSeconds": 10,
            "containers": [
                {
                    "name": "mounts",
                    "image": "localhost/busybox:1",
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sh", "-c", script],
                    "securityContext": {"privileged": True},
                    "readinessProbe": {
                        "exec": {"command": ["grep", "-q", " /outside/volume ", "/proc/mounts"]},
                        "periodSeconds": 1,
                    },
                    "volumeMounts": [
                        {
                            "name": "outside",
                            "mountPath": "/outside",
                            "mountPropagation": "Bidirectional",
                        },
                    ],
                }
            ],
            "volumes": [
                {"name": "outside", "hostPath": {"path": SMALL, "type": "DirectoryOrCreate"}},
            ],
        },
    }
    with a_namespace(namespace_for(request.node.name), labels={}) as space:
        space.apply(pod)
        space.kubectl("wait", "--for=condition=Ready", "pod/mounts", "--timeout=60s")
        yield space
        space.kubectl("delete", "flagosmodels", "--all")
        eventually(
            lambda: space.names("pods") == {"mounts"}, within=60, what="nobody uses the volume"
        )
        space.delete("pod", "mounts")


def test_a_volume_that_is_too_small_is_told_with_both_numbers(
    small_volume: Kube, big_hub: Hub
) -> None:
    weights = {"hostPath": {"path": f"{SMALL}/volume"}}
    small_volume.apply(a_model("full", big_hub.source("flagos/middle"), weights=weights))
    model = Model(small_volume, "full")
    told = model.wait_reason("InsufficientStorage", condition="WeightsReady")["message"]
    needed, free = map(int, re.findall(r"(\d+) (?:bytes are needed|are free)", told))
    assert needed > REPOS["flagos/middle"]
    assert free <= MIB
    # A retry in between is told as what it is.
    model.wait_reason("InsufficientStorage", condition="Stalled")
    eventually(
        lambda: "InsufficientStorage" in model.row(), within=60, what="kubectl get names it"
    )
    assert big_hub.sent("flagos/middle") == 0, "the room is known before the first byte"
