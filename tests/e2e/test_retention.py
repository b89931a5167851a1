"""What is left on a volume when models are deleted: looked at from a pod that mounts all of it.

Each test has models and directories of its own, on one volume; all models are applied together.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.disk import UNPRIVILEGED, Disk, a_disk, claim, on_claim
from tests.e2e.model import Model, tiny
from tests.kube import Kube, eventually, run

pytestmark = pytest.mark.timeout(420)
CLAIM = "shared"


@pytest.fixture(scope="module")
def space(shared_space: Kube) -> Kube:
    return shared_space


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


def kept(**more: Any) -> dict[str, Any]:
    return {"persistentVolumeClaim": {"claimName": CLAIM}, **more}


def removed(**more: Any) -> dict[str, Any]:
    return kept(reclaimPolicy="Delete", **more)


MADE: dict[str, Any] = {"volumeClaimTemplate": {"size": "1Gi"}}
KEPT = tiny("kept", weights=kept(directory="kept"), **IDLE)
BACK = tiny("back", weights=MADE, **IDLE)
MODELS = (
    KEPT,
    BACK,
    tiny("gone", weights=removed(directory="models/gone"), **IDLE),
    tiny("first", weights=removed(), **IDLE),
    tiny("second", weights=removed()),
    tiny("real", weights=kept(directory="real"), **IDLE),
    tiny("host", weights={**MADE, "reclaimPolicy": "Delete"}, **IDLE),
    tiny("guest", weights=on_claim("host-weights")),
    tiny("rotten", weights=kept(directory="rotten"), **IDLE),
)


@pytest.fixture(scope="module")
def volume(space: Kube) -> Disk:
    """In a namespace that counts what its pods ask for."""
    hard = {"requests.cpu": "4", "requests.memory": "8Gi", "limits.memory": "16Gi"}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "counted"}}
    others = ({**quota, "spec": {"hard": hard}}, claim(CLAIM))
    disk = a_disk(space, on_claim(CLAIM), *others, security=UNPRIVILEGED)
    disk.sh("mkdir models beside && echo stays > beside/file")
    space.apply(*MODELS)
    return disk


def downloaded(space: Kube, name: str) -> Model:
    """Its weights are complete."""
    model = Model(space, name)
    model.wait_reason("Complete", condition="WeightsReady", within=150)
    return model


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
    model = downloaded(space, "gone")
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
    model = downloaded(space, "kept")
    before = volume.files("kept")
    delete(model)
    wait_for_its_pods(model)
    assert volume.files("kept") == before
    assert not space.names("jobs", selector="flagos.io/model=kept")
    space.apply(KEPT)
    again = downloaded(space, "kept")
    assert volume.files("kept") == before
    (pod,) = again.pods()
    told = pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["message"]
    assert '"how": "present"' in told


def test_two_models_share_one_copy_until_the_last_one_goes(space: Kube, volume: Disk) -> None:
    first, second = downloaded(space, "first"), downloaded(space, "second")
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


def test_a_link_in_the_place_of_a_directory_leads_no_removal_astray(
    space: Kube, volume: Disk
) -> None:
    """The kubelet follows it, as long as it stays on the volume."""
    real = downloaded(space, "real")
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


def test_a_claim_made_for_one_model_stays_for_the_other(space: Kube, volume: Disk) -> None:
    first, second = downloaded(space, "host"), downloaded(space, "guest")
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


def test_a_claim_that_is_retained_is_taken_up_again(space: Kube, volume: Disk) -> None:
    model = downloaded(space, "back")
    uid = space.get("persistentvolumeclaim", "back-weights")["metadata"]["uid"]
    delete(model)
    wait_for_its_pods(model)
    space.apply(BACK)
    again = downloaded(space, "back")
    assert space.get("persistentvolumeclaim", "back-weights")["metadata"]["uid"] == uid
    (pod,) = again.pods()
    told = pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["message"]
    assert '"how": "present"' in told
    run("kubectl", "-n", space.namespace, "delete", "flagosmodel", "back")


def test_a_look_on_demand_finds_the_bad_file_and_fetches_only_that(
    space: Kube, volume: Disk
) -> None:
    model = downloaded(space, "rotten")
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
