"""From `kubectl apply` to answers, and everything that people then do to a served model.

The tests of this file share one model and run in order, since each start of vLLM costs a
machine with two cores some fifteen seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import openai
import pytest

from tests.e2e.model import START, Model, tiny
from tests.e2e.watch import Watch
from tests.kube import Body, Kube, eventually

pytestmark = pytest.mark.timeout(600)
NAME = "tiny"
CLAIM = {"volumeClaimTemplate": {"size": "1Gi"}}


@pytest.fixture(scope="module")
def model(shared_space: Kube) -> Model:
    return Model(shared_space, NAME)


@pytest.fixture
def client(model: Model, address_of: Callable[[Kube, str], str]) -> Iterator[openai.OpenAI]:
    base = address_of(model.kube, NAME) + "/v1"
    with openai.OpenAI(base_url=base, api_key="unused", timeout=60, max_retries=0) as made:
        yield made


def test_apply_goes_through_every_phase_in_order_and_becomes_ready(
    model: Model, hub_faults: Callable[[list[Body]], None]
) -> None:
    # slow enough that the download is seen
    hub_faults([{"kind": "slow", "bytes_per_second": 100_000}])
    model.kube.apply(tiny(NAME, weights=CLAIM))
    watch = Watch(model, ".status.phase")
    try:
        model.wait_ready()
        eventually(lambda: "Ready" in watch.column(0), within=10, what="the watch sees Ready")
    finally:
        watch.stop()
    phases = watch.column(0)
    before = ["Pending", "Scheduling", "Pulling", "Downloading", "Verifying"]
    order = [*before, "Starting", "Loading", "Compiling", "Capturing", "WarmingUp", "Ready"]
    began = phases.index("Downloading")
    # After it the server's image is pulled, which is there and may be over unseen.
    phases[began:] = [phase for phase in phases[began:] if phase != "Pulling"]
    assert phases == sorted(phases, key=order.index), "a phase came twice or out of order"
    assert {"Downloading", "Starting", "Ready"} <= set(phases)


def test_kubectl_get_shows_what_a_person_asks_first(model: Model) -> None:
    header, row = model.kube.kubectl("get", "flagosmodels").splitlines()
    shown = dict(zip(header.split(), row.split(), strict=False))
    assert (shown["NAME"], shown["PHASE"], shown["READY"], shown["CHIP"]) == (
        NAME,
        "Ready",
        "True",
        "cpu",
    )


def test_the_weights_are_known_by_repo_bytes_and_digest(model: Model) -> None:
    weights = model.body()["status"]["weights"]
    assert weights["totalBytes"] > 300_000
    assert weights["digest"].startswith("sha256:")
    assert model.condition("WeightsReady")["status"] == "True"


def test_a_chat_request_is_answered_through_the_service(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=NAME, messages=[{"role": "user", "content": "hello"}], max_tokens=8
    )
    assert answer.model == NAME
    assert answer.usage
    assert answer.usage.completion_tokens > 0


def test_a_stream_arrives_in_pieces(client: openai.OpenAI) -> None:
    pieces = list(
        client.chat.completions.create(
            model=NAME,
            messages=[{"role": "user", "content": "hello"}],
            max_tokens=16,
            stream=True,
        )
    )
    assert len(pieces) > 2
    assert pieces[-1].choices[0].finish_reason in {"length", "stop"}


def test_a_no_op_edit_rolls_nothing(model: Model) -> None:
    before, body = model.pod_uids(), model.body()
    model.kube.apply(tiny(NAME, weights=CLAIM))
    after = model.body()
    assert after["metadata"]["generation"] == body["metadata"]["generation"]
    assert model.pod_uids() == before


def test_scale_up_serves_from_two_pods_and_stays_ready(model: Model) -> None:
    first = model.pod_uids()
    model.kube.kubectl("scale", f"flagosmodel/{NAME}", "--replicas=2")
    eventually(
        lambda: model.body()["status"].get("readyReplicas") == 2, within=START, what="two replicas"
    )
    assert first < model.pod_uids(), "the first pod was replaced"
    assert model.condition("Ready")["status"] == "True"


def test_scale_down_again(model: Model) -> None:
    model.kube.kubectl("scale", f"flagosmodel/{NAME}", "--replicas=1")

    def settled() -> bool:
        """The other pod is gone, not only going, and the status has said so."""
        pods = model.kube.list("pods", selector=f"flagos.io/model={NAME}")
        return len(pods) == 1 and model.body()["status"]["replicas"] == 1

    eventually(settled, within=90, what="one pod")
    assert model.condition("Ready")["status"] == "True"


def test_a_deleted_child_comes_back(model: Model) -> None:
    model.kube.delete("service", NAME)
    eventually(lambda: NAME in model.kube.names("service"), within=30, what="the Service is back")


def test_a_spec_edit_rolls_to_a_new_pod(model: Model) -> None:
    before = model.pod_uids()
    model.kube.patch("flagosmodel", NAME, {"spec": {"server": {"maxModelLen": 384}}})

    def rolled() -> bool:
        status = model.body()["status"]
        current = status["observedGeneration"] == model.body()["metadata"]["generation"]
        ready = model.condition("Ready")["status"] == "True"
        return current and ready and not (model.pod_uids() & before)

    eventually(rolled, within=START, what="the new pod serves and the old one is gone")


def test_suspend_frees_the_pods_and_resume_brings_them_back(model: Model) -> None:
    model.kube.patch("flagosmodel", NAME, {"spec": {"suspend": True}})
    model.wait_reason("Suspended")
    eventually(lambda: not model.pods(), within=90, what="no pod is left")
    assert model.phase() == "Suspended"
    model.kube.patch("flagosmodel", NAME, {"spec": {"suspend": False}})
    model.wait_ready()


def test_delete_leaves_nothing_but_the_kept_weights(model: Model) -> None:
    model.kube.delete("flagosmodel", NAME)
    kinds = "deployments,replicasets,pods,services,configmaps"
    selector = f"flagos.io/model={NAME}"

    def gone() -> bool:
        return not model.kube.list(kinds, selector=selector)

    eventually(gone, within=90, what="every child is gone")
    assert model.kube.names("persistentvolumeclaims") == {f"{NAME}-weights"}
