"""Bodies recorded from a real cluster (record.py) become facts, and none can break the parser."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flagos_operator.desired import labels
from flagos_operator.observed import parse
from flagos_operator.observed.facts import Condition

BODIES = Path(__file__).parent / "bodies"
NAMES = sorted(path.stem for path in BODIES.glob("*.json"))


def body(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((BODIES / f"{name}.json").read_text())
    return found


def pod(name: str) -> parse.PodFacts:
    return parse.pod_facts(body(f"pod-{name}"))


def test_a_ready_pod_is_known_by_model_template_and_node():
    facts = pod("ready")
    assert (facts.namespace, facts.model, facts.template) == ("recording", "ready", "t1")
    assert (facts.phase, facts.node, facts.ready, facts.deleting) == (
        "Running",
        "node1",
        True,
        False,
    )
    assert facts.created == datetime(2026, 11, 25, 4, 48, 5, tzinfo=UTC)
    assert (
        Condition(
            type="Ready",
            status="True",
            reason="",
            message="",
            since=datetime(2026, 11, 25, 4, 48, 7, tzinfo=UTC),
        )
        in facts.conditions
    )


def test_the_completed_download_keeps_its_last_words():
    fetch, server = pod("ready").containers
    assert (fetch.name, fetch.init, fetch.state) == ("fetch", True, "terminated")
    assert fetch.ended
    assert fetch.ended.exit_code == 0
    assert json.loads(fetch.ended.message)["reason"] == "Complete"
    assert (server.name, server.init, server.state, server.ready) == (
        "server",
        False,
        "running",
        True,
    )


def test_a_waiting_container_tells_why():
    (server,) = pod("image-back-off").containers
    assert (server.state, server.reason) == ("waiting", "ImagePullBackOff")
    assert "localhost/no-such-image:1" in server.message
    assert server.ended is None
    assert server.since is None


def test_a_container_in_back_off_remembers_the_run_before():
    (server,) = pod("out-of-memory").containers
    assert (server.state, server.restarts) == ("waiting", 2)
    assert server.last
    assert (server.last.exit_code, server.last.reason) == (137, "OOMKilled")


def test_a_restarted_container_tells_when_its_run_began():
    (server,) = pod("crash-once").containers
    assert (server.state, server.restarts) == ("running", 1)
    assert server.since == datetime(2026, 11, 25, 4, 48, 12, tzinfo=UTC)
    assert server.last
    assert server.last.exit_code == 3


def test_a_pod_without_a_node_has_no_containers_yet():
    facts = pod("no-device")
    assert (facts.node, facts.containers) == ("", ())
    (told,) = facts.conditions
    assert (told.type, told.status, told.reason) == ("PodScheduled", "False", "Unschedulable")


def test_an_evicted_pod_keeps_the_nodes_reason():
    facts = pod("evicted")
    assert (facts.phase, facts.reason) == ("Failed", "Evicted")
    assert "exceeds the limit" in facts.message


def test_a_pod_that_goes_tells_until_when_it_may_stay():
    facts = pod("leaving")
    assert facts.deleting
    assert facts.gone_by == datetime(2026, 11, 25, 4, 51, 22, tzinfo=UTC)


def test_a_deployment_tells_counts_and_generations():
    facts = parse.deployment_facts(body("deployment-ready"))
    assert (facts.wanted, facts.replicas, facts.updated, facts.ready, facts.available) == (
        1,
        1,
        1,
        1,
        1,
    )
    assert (facts.generation, facts.observed_generation, facts.version) == (1, 1, "1")
    assert (facts.template, facts.fetch_image) == ("t1", "localhost/busybox:1")


def test_a_refused_pod_is_told_by_the_deployment():
    facts = parse.deployment_facts(body("deployment-quota"))
    failure = next(each for each in facts.conditions if each.type == "ReplicaFailure")
    assert "exceeded quota" in failure.message
    assert facts.fetch_image == ""


def test_a_deployment_tells_its_budget_as_the_startup_probe_of_the_server_has_it():
    def budget(*containers):
        return parse.deployment_facts(
            {"spec": {"template": {"spec": {"containers": list(containers)}}}}
        ).budget_seconds

    probe = {"periodSeconds": 5, "failureThreshold": 720}
    sidecar = {"name": "beside", "startupProbe": {"periodSeconds": 1, "failureThreshold": 1}}
    assert budget(sidecar, {"name": "server", "startupProbe": probe}) == 3600
    assert budget(sidecar, {"name": "server"}) == budget() == 0


def test_a_claim_tells_its_phase_and_size():
    facts = parse.child_facts(body("claim-pending"))
    assert (facts.kind, facts.name, facts.phase) == ("PersistentVolumeClaim", "waits", "Pending")
    bound = body("claim-pending") | {"status": {"phase": "Bound", "capacity": {"storage": "1Mi"}}}
    assert parse.child_facts(bound).capacity == "1Mi"


def test_a_job_that_sleeps_tells_whose_it_is_and_what_it_is_to_remove():
    facts = parse.job_facts(body("job-asleep"))
    assert (facts.model, facts.owner_uid, facts.purpose) == ("m", "u-1", "reclaim")
    assert (facts.claim, facts.directory) == ("shared", "a/b")
    assert facts.suspended
    assert facts.ended == ""


@pytest.mark.parametrize("end", ["Complete", "Failed"])
def test_a_job_tells_how_it_ended(end: str):
    facts = parse.job_facts(body(f"job-{end.lower()}"))
    assert not facts.suspended
    assert facts.ended == end
    assert facts.message


def test_a_claim_tells_which_models_own_it():
    owners = [
        {"kind": "FlagOSModel", "uid": "u-1", "controller": True},
        {"kind": "FlagOSModel", "uid": "u-2"},
        {"kind": "Backup", "uid": "u-3"},
    ]
    facts = parse.child_facts({"metadata": {"ownerReferences": owners}})
    assert (facts.owner_uid, facts.keepers) == ("u-1", {"u-1", "u-2"})


def test_a_deployment_tells_what_its_pods_read():
    """The download mounts the whole volume, and reads one directory of it."""
    mount = {"name": "w", "mountPath": "/m"}
    pod = {
        "volumes": [{"name": "w", "persistentVolumeClaim": {"claimName": "c"}}],
        "initContainers": [{"name": "fetch", "volumeMounts": [mount]}],
        "containers": [{"name": "server", "volumeMounts": [{**mount, "subPath": "a/b"}]}],
    }
    facts = parse.deployment_facts({"spec": {"template": {"spec": pod}}})
    assert facts.mounts == {("c", "a/b")}
    beside = {"name": "beside", "volumeMounts": [mount, {"name": "other"}]}
    pod["containers"].append(beside)
    facts = parse.deployment_facts({"spec": {"template": {"spec": pod}}})
    assert facts.mounts == {("c", "a/b"), ("c", "")}


@pytest.mark.parametrize(
    ("spec", "claims"),
    [
        ({}, set()),
        ({"weights": {"persistentVolumeClaim": {"claimName": "c"}}}, {"c"}),
        ({"weights": {"volumeClaimTemplate": {"size": "1Gi"}}}, {"m-weights"}),
        ({"source": {"persistentVolumeClaim": {"claimName": "c", "path": "x"}}}, {"c"}),
        (
            {
                "pod": {
                    "volumes": [{"persistentVolumeClaim": {"claimName": "c"}}, {"emptyDir": {}}]
                }
            },
            {"c"},
        ),
        ({"weights": 7, "pod": [], "source": {"persistentVolumeClaim": "c"}}, set()),
    ],
)
def test_a_model_tells_which_claims_it_names(spec: dict[str, Any], claims: set[str]):
    assert parse.model_facts({"metadata": {"name": "m"}, "spec": spec}).claims == claims


def test_an_item_of_a_list_is_told_its_kind():
    item = body("service")
    del item["kind"]
    assert parse.child_facts(item, kind="Service").kind == "Service"


def test_only_the_controlling_owner_counts():
    owners = [{"uid": "a"}, {"uid": "b", "controller": True}]
    facts = parse.child_facts({"metadata": {"ownerReferences": owners}})
    assert facts.owner_uid == "b"


def test_a_model_keeps_its_body_and_its_status():
    raw = {
        "metadata": {"name": "x", "namespace": "y", "uid": "u", "generation": 3},
        "status": {"phase": "Ready"},
    }
    facts = parse.model_facts(raw)
    assert (facts.namespace, facts.name, facts.uid, facts.generation) == ("y", "x", "u", 3)
    assert facts.raw is raw
    assert facts.status == {"phase": "Ready"}
    assert not facts.deleting


def test_jobs_are_found_by_the_words_that_are_rendered():
    assert (parse.JOB_LABEL, parse.UID_ANNOTATION) == (labels.JOB, labels.MODEL_UID)


def test_labels_and_annotations_are_those_that_are_rendered():
    assert parse.MODEL_LABEL == labels.MODEL
    assert parse.TEMPLATE_ANNOTATION == labels.TEMPLATE


def test_an_absent_number_of_replicas_is_one():
    assert parse.deployment_facts({}).wanted == 1


@pytest.mark.parametrize("text", ["", "soon", "2026-13-40"])
def test_what_is_not_a_time_is_absent(text: str):
    terminated = {"exitCode": 1, "finishedAt": text}
    status = {"containerStatuses": [{"state": {"terminated": terminated}}]}
    (server,) = parse.pod_facts({"status": status}).containers
    assert server.ended
    assert server.ended.finished is None


def test_a_time_without_a_zone_is_utc():
    facts = parse.pod_facts({"metadata": {"creationTimestamp": "2026-11-25T04:48:05"}})
    assert facts.created == datetime(2026, 11, 25, 4, 48, 5, tzinfo=UTC)


READERS = {
    "pod": parse.pod_facts,
    "deployment": parse.deployment_facts,
    "claim": parse.child_facts,
    "service": parse.child_facts,
    "job": parse.job_facts,
    "event": parse.event_facts,
}


def places(found: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a body, each a path of keys and indices."""
    if isinstance(found, dict):
        inner = [place for key in found for place in places(found[key], (*at, key))]
    elif isinstance(found, list):
        inner = [place for i, each in enumerate(found) for place in places(each, (*at, i))]
    else:
        inner = []
    return [at, *inner] if at else inner


def replaced(whole: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    changed = copy.copy(whole)
    changed[place[0]] = replaced(whole[place[0]], place[1:], value)
    return changed


@pytest.mark.parametrize("name", NAMES)
def test_nothing_missing_or_odd_in_a_body_breaks_the_parser(name: str):
    whole = body(name)
    for place in places(whole):
        for odd in (None, 7, ["odd"], {}):
            READERS[name.partition("-")[0]](replaced(whole, place, odd))


def test_an_event_tells_what_was_said_last():
    facts = parse.event_facts(body("event-no-host-path"))
    assert facts.reason == "FailedMount"
    assert facts.message.endswith("hostPath type check failed: /nowhere/x is not a directory")
    assert facts.at == datetime(2026, 11, 26, 17, 7, 46, tzinfo=UTC)


def test_an_event_of_the_scheduler_counts_in_a_series():
    facts = parse.event_facts(body("event-unscheduled"))
    assert facts.reason == "FailedScheduling"
    assert facts.at
    assert facts.at > datetime(2026, 11, 26, 16, 59, 33, tzinfo=UTC)
    assert parse.event_facts({}).at is None
