"""The container that serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flagos_operator.desired import env, line, security, weights
from flagos_operator.desired.manifest import Manifest, by_key, given, merged, plain
from flagos_operator.desired.probes import probes
from flagos_operator.desired.registry import rewritten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flagos_operator.desired.asked import Asked

# Time for the endpoint to disappear from every node before the server stops listening: vLLM
# closes its port at once, and answers 500 to what still arrives.
PRE_STOP = 5
MARGIN = 15  # a drained vLLM still takes seconds to end


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    image: str
    pull_policy: str | None
    command: tuple[str, ...]
    args: tuple[str, ...]
    working_dir: str | None
    port: int
    env: tuple[Manifest, ...]
    env_from: tuple[Manifest, ...]
    resources: Manifest
    security: Manifest
    mounts: tuple[Manifest, ...]
    health_path: str
    budget_seconds: int


def server(asked: Asked, *, place: weights.Place, pod_security: Manifest) -> Server:
    said = asked.spec.server
    command, args = line.serve(asked)
    return Server(
        image=rewritten(asked.spec.image, rules=asked.defaults.registry_rewrite),
        pull_policy=asked.spec.image_pull_policy,
        command=command,
        args=args,
        working_dir=said.working_dir,
        port=asked.port,
        env=env.server(asked),
        env_from=said.env_from,
        resources=resources(asked),
        security=privileges(asked, pod_security=pod_security),
        mounts=mounts(asked, place),
        health_path=said.health_path or "/health",
        budget_seconds=asked.budget.seconds,
    )


def resources(asked: Asked) -> Manifest:
    name = asked.resource_name
    devices = {name: asked.devices} if name and asked.devices else {}
    together = merged(asked.spec.server.resources, given({"limits": devices}))
    return {kind: amounts(said) if kind != "claims" else said for kind, said in together.items()}


def amounts(said: Mapping[str, object]) -> dict[str, str]:
    """Strings, as the API server keeps them."""
    return {name: str(amount) for name, amount in said.items()}


def privileges(asked: Asked, *, pod_security: Manifest) -> Manifest:
    unallocated = {"privileged": True} if asked.unallocated else {}
    # A line of the user's own may write anywhere.
    custom = {"readOnlyRootFilesystem": False} if asked.engine == "Custom" else {}
    said = asked.spec.server.security_context
    wishes = merged(unallocated, custom, asked.chip.security_context, said)
    return security.container(uid=asked.defaults.operand_uid, wishes=wishes, pod=pod_security)


def mounts(asked: Asked, place: weights.Place) -> tuple[Manifest, ...]:
    """By path: a volume that a user mounts over one of ours takes its place."""
    ours: list[Manifest] = [
        given(
            {
                "name": weights.VOLUME,
                "mountPath": asked.mount_path,
                "subPath": place.directory,
                "readOnly": True,
            }
        ),
        {"name": "scratch", "mountPath": env.SCRATCH},
        {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 - a volume of the pod's own
    ]
    layers = (ours, asked.chip.volume_mounts, asked.spec.server.volume_mounts)
    return by_key(*layers, key="mountPath")


def container(server: Server) -> Manifest:
    return plain(
        given(
            {
                "name": "server",
                "image": server.image,
                "imagePullPolicy": server.pull_policy,
                "command": server.command,
                "args": server.args,
                "workingDir": server.working_dir,
                "env": server.env,
                "envFrom": server.env_from,
                "ports": [{"name": "http", "containerPort": server.port, "protocol": "TCP"}],
                "resources": server.resources,
                "securityContext": server.security,
                "volumeMounts": server.mounts,
                **probes(path=server.health_path, budget_seconds=server.budget_seconds),
                # The kubelet's own sleep: it needs no tool in the image.
                "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP}}},
                "terminationMessagePolicy": "FallbackToLogsOnError",
            }
        )
    )
