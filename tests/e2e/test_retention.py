"""What is left on a volume when models are deleted: looked at from a pod that mounts all of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import SYSTEM
from tests.e2e.disk import UNPRIVILEGED, Disk, a_disk, claim, on_claim
from tests.e2e.model import Model, tiny
from tests.kube import Kube, eventually, run

pytestmark = pytest.mark.timeout(420)
CLAIM = "shared"


@pytest.fixture
def volume(space: Kube) -> Disk:
    """In a namespace that counts what its pods ask for."""
    hard = {"requests.cpu": "4", "requests.memory": "8Gi", "limits.memory": "16Gi"}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "counted"}}
    others = ({**quota, "spec": {"hard": hard}}, claim(CLAIM))
    return a_disk(space, on_claim(CLAIM), *others, security=UNPRIVILEGED)


@pytest.fixture
def no_operator() -> Iterator[None]:
    scale(0)
    yield
    scale(1)


def scale(replicas: int) -> None:
    SYSTEM.kubectl("scale", "deployment/flagos-operator", f"--replicas={replicas}")
    pods = "app.kubernetes.io/name=flagos-operator"
    eventually(
        lambda: len(SYSTEM.list("pods", selector=pods)) == replicas,
        within=60,
        what=f"{replicas} operators",
    )
    SYSTEM.kubectl("rollout", "status", "deployment/flagos-operator", "--timeout=60s")


# A server that costs nothing, where nobody asks it anything.
IDLE = {
    "image": "localhost/busybox:1",
    "server": {
        "engine": "Custom",
        "command": ["sh", "-c", "trap exit TERM; sleep 3600 & wait"],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "drainSeconds": 0,
    },
}


def downloaded(space: Kube, name: str, *, serves: bool = False, **weights: Any) -> Model:
    """Applied, and its weights are complete."""
    space.apply(tiny(name, weights=weights, **({} if serves else IDLE)))
    model = Model(space, name)
    model.wait_reason("Complete", condition="WeightsReady", within=150)
    return model


def kept(**more: Any) -> dict[str, Any]:
    return {"persistentVolumeClaim": {"claimName": CLAIM}, **more}


def removed(**more: Any) -> dict[str, Any]:
    return kept(reclaimPolicy="Delete", **more)


def delete(model: Model) -> None:
    model.kube.delete("flagosmodel", model.name)


def wait_for_its_pods(model: Model) -> None:
    selector = f"flagos.io/model={model.name}"
    eventually(
        lambda: not model.kube.list("pods", selector=selector), within=90, what="no pod is left"
    )


def wait_removed(volume: Disk, place: str) -> None:
    eventually(lambda: not volume.files(place), within=90, what=f"{place} is empty")


def test_a_directory_goes_and_nothing_beside_it(space: Kube, volume: Disk) -> None:
    volume.sh("mkdir -p /data/models /data/beside && echo stays > /data/beside/file")
    model = downloaded(space, "gone", **removed(directory="models/gone"))
    volume.sh("echo stays > /data/models/file")
    volume.sh("ln -s ../../beside/file /data/models/gone/link")
    volume.sh("ln -s ../../beside /data/models/gone/folder")
    volume.sh("ln -s /data/beside /data/models/gone/absolute")
    assert "models/gone/.flagos.json" in volume.files("models")
    before = volume.files("beside")
    delete(model)
    wait_removed(volume, "models/gone")
    (job,) = space.list("jobs", selector="flagos.io/model=gone")
    assert "Removed: modelscope" in space.kubectl("logs", f"job/{job['metadata']['name']}")
    assert volume.files("models") == ["models/file"]
    assert volume.files("beside") == before
    assert volume.sh("cat /data/beside/file /data/models/file").split() == ["stays", "stays"]


def test_a_directory_is_kept_unless_its_removal_was_asked_for(space: Kube, volume: Disk) -> None:
    model = downloaded(space, "kept", **kept(directory="kept"))
    before = volume.files("kept")
    delete(model)
    wait_for_its_pods(model)
    assert volume.files("kept") == before
    assert not space.names("jobs")
    again = downloaded(space, "kept", **kept(directory="kept"))
    assert volume.files("kept") == before
    (pod,) = again.pods()
    told = pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["message"]
    assert '"how": "present"' in told


def test_two_models_share_one_copy_until_the_last_one_goes(space: Kube, volume: Disk) -> None:
    first = downloaded(space, "first", **removed())
    second = downloaded(space, "second", serves=True, **removed())
    second.wait_ready()
    place = "flagos"  # the owner of the repository
    before, pods = volume.files(place), second.pod_uids()
    assert len([file for file in before if file.endswith(".flagos.json")]) == 1
    delete(first)
    wait_for_its_pods(first)
    eventually(
        lambda: not space.list("jobs", selector="flagos.io/model=first"),
        within=60,
        what="the Job of the first is gone",
    )
    assert volume.files(place) == before
    assert second.condition("Ready")["status"] == "True"
    assert second.pod_uids() == pods
    delete(second)
    wait_removed(volume, place)


@pytest.mark.usefixtures("no_operator")
def test_a_deletion_without_an_operator_is_made_up_for(space: Kube, volume: Disk) -> None:
    scale(1)
    model = downloaded(space, "away", **removed(directory="away"))
    scale(0)
    delete(model)
    wait_for_its_pods(model)
    assert volume.files("away")
    scale(1)
    wait_removed(volume, "away")


def test_a_link_in_the_place_of_a_directory_leads_no_removal_astray(
    space: Kube, volume: Disk
) -> None:
    """The kubelet follows it, as long as it stays on the volume."""
    real = downloaded(space, "real", **kept(directory="real"))
    before = volume.files("real")
    volume.sh("ln -s real /data/alias")
    space.apply(tiny("alias", weights=removed(directory="alias"), **IDLE))
    alias = Model(space, "alias")
    alias.wait_reason("DirectoryConflict", condition="WeightsReady")
    delete(alias)
    wait_for_its_pods(alias)
    jobs = "flagos.io/model=alias"

    def refused() -> bool:
        (job,) = space.list("jobs", selector=jobs)
        words = space.kubectl("logs", f"job/{job['metadata']['name']}")
        return "is a link" in words

    eventually(refused, within=60, what="the Job says that it is a link")
    assert volume.files("real") == before
    assert real.condition("WeightsReady")["status"] == "True"


def test_a_claim_made_for_one_model_stays_for_the_other(space: Kube, operator: Kube) -> None:
    made = {"volumeClaimTemplate": {"size": "1Gi"}, "reclaimPolicy": "Delete"}
    first = downloaded(space, "host", **made)
    guest = {"persistentVolumeClaim": {"claimName": "host-weights"}}
    second = downloaded(space, "guest", serves=True, **guest)
    delete(first)
    wait_for_its_pods(first)
    second.wait_ready()
    # A new pod needs the claim anew: one that was going would not take it.
    (pod,) = second.pods()
    space.delete("pod", pod["metadata"]["name"])
    eventually(
        lambda: second.pods() and second.pod_uids() != {pod["metadata"]["uid"]},
        within=60,
        what="another pod",
    )
    second.wait_reason("Complete", condition="WeightsReady")
    delete(second)
    eventually(
        lambda: "host-weights" not in space.names("persistentvolumeclaims"),
        within=90,
        what="the claim went with the last model",
    )


def test_a_claim_that_is_retained_is_taken_up_again(space: Kube, operator: Kube) -> None:
    made = {"volumeClaimTemplate": {"size": "1Gi"}}
    model = downloaded(space, "back", **made)
    uid = space.get("persistentvolumeclaim", "back-weights")["metadata"]["uid"]
    delete(model)
    wait_for_its_pods(model)
    again = downloaded(space, "back", **made)
    assert space.get("persistentvolumeclaim", "back-weights")["metadata"]["uid"] == uid
    (pod,) = again.pods()
    told = pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["message"]
    assert '"how": "present"' in told
    run("kubectl", "-n", space.namespace, "delete", "flagosmodel", "back")


def test_a_look_on_demand_finds_the_bad_file_and_fetches_only_that(
    space: Kube, volume: Disk
) -> None:
    model = downloaded(space, "rotten", **kept(directory="rotten"))
    (bad,) = [file for file in volume.files("rotten") if file.endswith("model.safetensors")]
    stamps = "cd /data/rotten && find . -type f ! -name .flagos.json -exec stat -c '%n %i %Y' {} +"
    before = set(volume.sh(stamps).splitlines())
    digest = volume.sh(f"sha256sum /data/{bad}")
    # As a disk forgets: other bytes, the same size and time.
    volume.sh(f"touch -r /data/{bad} /data/time")
    volume.sh(f"printf x | dd of=/data/{bad} bs=1 seek=1000 conv=notrunc")
    volume.sh(f"touch -r /data/time /data/{bad}")
    assert volume.sh(f"sha256sum /data/{bad}") != digest
    pods = model.pod_uids()
    space.kubectl("annotate", "flagosmodel", "rotten", "flagos.io/verify-weights=today")

    def result() -> str:
        return str(model.body()["status"]["weights"].get("verificationResult", ""))

    eventually(result, within=120, what="the look is told")
    assert result() == "fetched again: model.safetensors"
    assert volume.sh(f"sha256sum /data/{bad}") == digest
    after = set(volume.sh(stamps).splitlines())
    assert {line.split()[0] for line in before ^ after} == {"./model.safetensors"}
    assert model.pod_uids() == pods
