"""What moves: one line of progress, and events when something turns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flagos_operator.status.summary import summarize
from flagos_operator.status.view import Objection, View
from tests.unit.status.build import (
    a_claim,
    a_container,
    a_deployment,
    a_model,
    a_plan,
    a_pod,
    a_view,
    ago,
    crashed,
    ended,
    fetched,
    fetching,
    starting,
    unscheduled,
    waiting,
)
from tests.unit.status.read import kinds, written
from tests.unit.status.test_ready import QUOTA, REFUSED, UNPREPARED

CLAIM_FIELDS = ("spec.weights.persistentVolumeClaim", "spec.source.persistentVolumeClaim")


class TestProgress:
    @pytest.mark.parametrize(
        ("view", "text"),
        [
            (a_view(a_pod(fetching())), "downloading weights"),
            (a_view(a_pod(waiting("ContainerCreating"))), "preparing volumes and image"),
            (
                a_view(a_pod(fetched(), starting())),
                "its container runs, no line of its log read yet",
            ),
            (
                a_view(a_pod(fetched(), waiting("ContainerCreating", last=ended(), restarts=1))),
                "its container is made again, restarted once (CrashLoop)",
            ),
            (
                a_view(a_pod(fetched(), a_container(), ready=False)),
                "answers, its pod is not ready yet",
            ),
            (a_view(plan=a_plan(suspended=True)), "set spec.suspend to false to serve"),
            (a_view(plan=a_plan(replicas=0)), "raise spec.replicas to serve"),
            (a_view(a_pod(), plan=a_plan(suspended=True, replicas=0)), "1 pod ending"),
            (
                a_view(a_pod(deleting=True), a_pod(name="left"), model=a_model(deleting=True)),
                "1 pod ending",
            ),
            (a_view(unscheduled()), "waiting for a node"),
            (
                a_view(unscheduled(age=3), children=(a_claim("Pending"),)),
                "waiting for a node and a new volume",
            ),
            (
                a_view(unscheduled("Insufficient nvidia.com/gpu"), plan=a_plan(devices=4)),
                "no usable node has 4 nvidia.com/gpu free, or none offers it",
            ),
            (a_view(unscheduled("untolerated taint")), "waiting for a node that fits"),
            (
                a_view(unscheduled("no cpu"), plan=a_plan(devices=0, resource_name=None)),
                "waiting for a node that fits",
            ),
            (
                a_view(a_pod(), a_pod(name="b", template="t0")),
                "1/1 replicas ready, 1 of the older spec left",
            ),
            (
                a_view(a_pod(fetched(), a_container(restarts=3, last=ended(1, at=999)))),
                "1/1 replicas ready, restarted 3 times (CrashLoop)",
            ),
            (
                a_view(
                    a_pod(deleting=True, name="a"),
                    a_pod(deleting=True, name="b"),
                    plan=a_plan(suspended=True, replicas=0),
                ),
                "2 pods ending",
            ),
            (
                a_view(
                    a_pod(
                        crashed(
                            ended(18, message='{"reason":"LockHeld","message":"x"}'),
                            name="fetch",
                            init=True,
                        )
                    )
                ),
                "waiting for another pod's download, restarted once",
            ),
        ],
    )
    def test_it_is_one_short_line(self, view: View, text: str):
        assert summarize(view).status["progress"] == text

    @pytest.mark.parametrize(
        ("view", "text"),
        [
            (
                a_view(a_pod(waiting("CreateContainerConfigError", 'secret "x" not found'))),
                'secret "x" not found: spec.server.env, spec.server.envFrom',
            ),
            (
                a_view(unscheduled('persistentvolumeclaim "w" not found')),
                f"a claim is missing: {', '.join(CLAIM_FIELDS)}",
            ),
            (
                a_view(refused=Objection(reason="NameTaken", message="Service qwen exists")),
                "an object of this name belongs to somebody else",
            ),
            (
                a_view(
                    refused=Objection(
                        reason="InvalidPod",
                        message="x apps/v1: .spec.template.spec.volumes[0].hostpath: not declared",
                    )
                ),
                "the API server refuses the pod: spec.weights.hostpath",
            ),
            (
                a_view(
                    refused=Objection(
                        reason="VolumeClaimRefused",
                        message="no; set spec.weights.volumeClaimTemplate",
                    )
                ),
                "the claim is refused: spec.weights.volumeClaimTemplate",
            ),
            (
                a_view(deployment=a_deployment(conditions=(QUOTA,))),
                "the quota leaves no room: spec.replicas, spec.devices",
            ),
            (
                a_view(deployment=a_deployment(conditions=(REFUSED,))),
                "admission refuses the pod: spec.pod, spec.server",
            ),
            (
                a_view(a_pod(waiting("ContainerCreating"), conditions=UNPREPARED), now=ago(-200)),
                "volumes or network are not prepared",
            ),
        ],
    )
    def test_what_is_refused_or_missing_is_told_with_its_fields(self, view: View, text: str):
        assert summarize(view).status["progress"] == text


class TestEvents:
    def test_becoming_ready_is_told_once(self):
        loading = a_view(a_pod(fetched(), starting()))
        serves = replace(written(loading, summarize(loading)), pods=(a_pod(),))
        summary = summarize(serves)
        assert kinds(summary.events) == [("Normal", "Serving")]
        assert summarize(written(serves, summary)).events == ()

    def test_a_failure_is_a_warning_with_its_message(self):
        loading = a_view(a_pod(fetched(), starting()))
        broken = replace(
            written(loading, summarize(loading)), pods=(a_pod(fetched(), crashed(ended(3))),)
        )
        (event,) = summarize(broken).events
        assert (event.type, event.reason) == ("Warning", "CrashLoop")
        assert "exit code 3" in event.message

    def test_complete_weights_are_told_beside_the_start_of_the_server(self):
        loading = a_view(a_pod(fetching()))
        complete = replace(
            written(loading, summarize(loading)), pods=(a_pod(fetched(), starting()),)
        )
        assert kinds(summarize(complete).events) == [
            ("Normal", "Complete"),
            ("Normal", "Starting"),
        ]

    def test_another_message_alone_is_no_event(self):
        first = a_view(a_pod(waiting("ErrImagePull", "no route")))
        second = replace(
            written(first, summarize(first)), pods=(a_pod(waiting("ErrImagePull", "timeout")),)
        )
        assert summarize(second).events == ()
