"""Deployments that misbehave in one way each, and how to see that their pod does it by now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Body = dict[str, Any]

IMAGE = "localhost/busybox:1"
DONE = '{"reason":"Complete","revision":"a1b2","totalBytes":370000,"digest":"sha256:c0ffee"}'
NO_REPO = '{"reason":"SourceNotFound","message":"modelscope has no nobody/nothing"}'


def shell(script: str, **more: Any) -> Body:
    return {
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", script],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **more,
    }


def serving(**more: Any) -> Body:
    return shell("trap 'exit 0' TERM; sleep 10000 & wait", **more)


def fetching(words: str, code: int = 0) -> Body:
    return shell(f"echo '{words}' > /dev/termination-log; exit {code}")


def deployment(name: str, server: Body, fetch: Body | None = None, **pod: Any) -> Body:
    labels = {"flagos.io/model": name, "app.kubernetes.io/managed-by": "flagos-operator"}
    init = {"initContainers": [{"name": "fetch", **fetch}]} if fetch else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": {"flagos.io/template": "t1"}},
                "spec": {
                    **init,
                    "containers": [{"name": "server", **server}],
                    "terminationGracePeriodSeconds": 2,
                    **pod,
                },
            },
        },
    }


def unprepared(volume: Body) -> Body:
    """What the kubelet says of it is in an Event; it mounts what a container mounts."""
    mounts = [{"name": "weights", "mountPath": "/w"}]
    volumes = [{"name": "weights", **volume}]
    return deployment("unprepared", serving(volumeMounts=mounts), volumes=volumes)


def job(name: str, *, script: str, suspend: bool) -> Body:
    """As the one that removes weights, but for what it runs."""
    mount = {"name": "weights", "mountPath": "/weights/a/b", "subPath": "a/b"}
    claim = {"name": "weights", "persistentVolumeClaim": {"claimName": "shared"}}
    container = {"name": "reclaim", **shell(script), "volumeMounts": [mount]}
    pod = {"restartPolicy": "Never", "containers": [container], "volumes": [claim]}
    labels = {
        "flagos.io/model": "m",
        "app.kubernetes.io/managed-by": "flagos-operator",
        "flagos.io/job": "reclaim",
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": {"flagos.io/model-uid": "u-1"},
        },
        "spec": {"suspend": suspend, "backoffLimit": 0, "template": {"spec": pod}},
    }


def limits(**resources: str) -> Body:
    return {"resources": {"limits": resources, "requests": resources}}


def probe(script: str, **more: int) -> Body:
    return {"exec": {"command": ["sh", "-c", script]}, "periodSeconds": 1, **more}


def waiting(container: str, reason: str, restarts: int = 0) -> Callable[[Body], bool]:
    def there(pod: Body) -> bool:
        return any(
            each["name"] == container
            and each["restartCount"] >= restarts
            and each["state"].get("waiting", {}).get("reason") == reason
            for each in statuses(pod)
        )

    return there


def state(container: str, kind: str, restarts: int = 0) -> Callable[[Body], bool]:
    def there(pod: Body) -> bool:
        return any(
            each["name"] == container
            and each["restartCount"] >= restarts
            and kind in each["state"]
            for each in statuses(pod)
        )

    return there


def statuses(pod: Body) -> list[Body]:
    status = pod.get("status", {})
    return status.get("initContainerStatuses", []) + status.get("containerStatuses", [])


def condition(kind: str, status: str) -> Callable[[Body], bool]:
    def there(body: Body) -> bool:
        found = body.get("status", {}).get("conditions", [])
        return any(each["type"] == kind and each["status"] == status for each in found)

    return there


def phase(wanted: str) -> Callable[[Body], bool]:
    return lambda body: body.get("status", {}).get("phase") == wanted


def nobody_listens(body: Body) -> bool:
    return state("server", "running")(body) and any(each.get("started") for each in statuses(body))


def lost_readiness(body: Body) -> bool:
    return nobody_listens(body) and condition("Ready", "False")(body)


SLOW = probe("false", failureThreshold=1000)
ONCE_READY = "touch /tmp/up; sleep 8; rm /tmp/up; sleep 10000"

PODS: dict[str, tuple[Body, Callable[[Body], bool]]] = {
    "ready": (
        deployment("ready", serving(), fetching(DONE)),
        condition("Ready", "True"),
    ),
    "downloading": (
        deployment("downloading", serving(), serving()),
        state("fetch", "running"),
    ),
    "starting": (
        deployment("starting", serving(startupProbe=SLOW), fetching(DONE)),
        state("server", "running"),
    ),
    "image-error": (
        deployment("image-error", {"image": "localhost/no-such-image:1"}),
        waiting("server", "ErrImagePull"),
    ),
    "image-back-off": (
        deployment("image-back-off", {"image": "localhost/no-such-image:1"}),
        waiting("server", "ImagePullBackOff"),
    ),
    "image-name": (
        deployment("image-name", {"image": "Not/An:Image:1"}),
        waiting("server", "InvalidImageName"),
    ),
    "image-never": (
        deployment("image-never", {"image": "localhost/no:1", "imagePullPolicy": "Never"}),
        waiting("server", "ErrImageNeverPull"),
    ),
    "secret-missing": (
        deployment(
            "secret-missing",
            serving(envFrom=[{"secretRef": {"name": "nowhere"}}]),
        ),
        waiting("server", "CreateContainerConfigError"),
    ),
    "root-refused": (
        deployment("root-refused", serving(securityContext={"runAsNonRoot": True})),
        waiting("server", "CreateContainerConfigError"),
    ),
    "no-program": (
        deployment("no-program", {**serving(), "command": ["vllm", "serve"]}),
        waiting("server", "CrashLoopBackOff", restarts=1),
    ),
    "no-device": (
        deployment("no-device", serving(**limits(**{"nvidia.com/gpu": "2"}))),
        condition("PodScheduled", "False"),
    ),
    "no-claim": (
        deployment(
            "no-claim",
            serving(),
            volumes=[{"name": "weights", "persistentVolumeClaim": {"claimName": "nowhere"}}],
        ),
        condition("PodScheduled", "False"),
    ),
    "not-mounted": (
        deployment(
            "not-mounted",
            serving(volumeMounts=[{"name": "extra", "mountPath": "/extra"}]),
            volumes=[{"name": "extra", "configMap": {"name": "nowhere"}}],
        ),
        condition("PodReadyToStartContainers", "False"),
    ),
    "fetch-failed": (
        deployment("fetch-failed", serving(), fetching(NO_REPO, 10)),
        waiting("fetch", "CrashLoopBackOff", restarts=1),
    ),
    "crash-once": (
        deployment(
            "crash-once",
            shell(
                "[ -e /keep/x ] && exec sleep 10000; touch /keep/x; exit 3",
                volumeMounts=[{"name": "keep", "mountPath": "/keep"}],
                startupProbe=SLOW,
            ),
            volumes=[{"name": "keep", "emptyDir": {}}],
        ),
        state("server", "running", restarts=1),
    ),
    "crash-loop": (
        deployment("crash-loop", shell("echo 'vllm: error: unrecognized arguments: --x'; exit 2")),
        state("server", "terminated", restarts=2),
    ),
    "engine-died": (
        deployment("engine-died", shell("sleep 1; exit 0")),
        waiting("server", "CrashLoopBackOff", restarts=1),
    ),
    "out-of-memory": (
        deployment("out-of-memory", shell("tail /dev/zero", **limits(memory="20Mi", cpu="50m"))),
        waiting("server", "CrashLoopBackOff", restarts=1),
    ),
    "over-budget": (
        deployment(
            "over-budget",
            shell("sleep 10000", startupProbe=probe("false", failureThreshold=5)),
        ),
        state("server", "running", restarts=1),
    ),
    "not-responding": (
        deployment(
            "not-responding",
            shell(
                ONCE_READY,
                startupProbe=probe("test -e /tmp/up", failureThreshold=10),
                readinessProbe=probe("test -e /tmp/up", failureThreshold=2),
            ),
        ),
        lambda pod: lost_readiness(pod) and pod["metadata"].get("seen-ready", False),
    ),
    "evicted": (
        deployment(
            "evicted",
            shell(
                "dd if=/dev/zero of=/keep/x bs=1M count=20; sleep 10000",
                volumeMounts=[{"name": "keep", "mountPath": "/keep"}],
            ),
            volumes=[{"name": "keep", "emptyDir": {"sizeLimit": "1Mi"}}],
        ),
        phase("Failed"),
    ),
}
# Those of a runtime and of a local volume that are not there were recorded by hand: they need
# objects of the whole cluster.
EVENTS: dict[str, Body] = {
    "no-host-path": unprepared({"hostPath": {"path": "/nowhere/x", "type": "Directory"}}),
    "no-secret": unprepared({"secret": {"secretName": "nosecret"}}),
    "nfs": unprepared({"nfs": {"server": "127.0.0.1", "path": "/x"}}),
}
