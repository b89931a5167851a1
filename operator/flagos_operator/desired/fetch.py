"""The init container that downloads, and its settings that may change without a restart.

Of weights that were brought by hand it checks what lies there, and writes nothing.

Whatever helps a failing download along (a proxy, another endpoint) lies in a ConfigMap: the
kubelet reads it again at each retry, and a running model never notices.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flagos_operator.api import quantities
from flagos_operator.api.source import MirrorHub
from flagos_operator.desired import env, names, security, weights
from flagos_operator.desired.manifest import Manifest, by_key, given, merged, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flagos_operator.api.references import SecretKeyReference
    from flagos_operator.api.source import Hub, Mirror
    from flagos_operator.desired.asked import Asked

ROOT = "/weights"
CA_VOLUME = "fetch-ca"
CA_ROOT = "/etc/flagos/ca"
# Always there, as a namespace with a quota refuses a pod without them. Hashing wants CPU.
RESOURCES = {
    "requests": {"cpu": "250m", "memory": "512Mi"},
    "limits": {"cpu": "4", "memory": "2Gi"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    image: str
    pull_policy: str
    args: tuple[str, ...]
    env: tuple[Manifest, ...]
    settings: str  # the ConfigMap
    resources: Manifest
    security: Manifest
    ca_bundle: str | None  # the ConfigMap
    read_only: bool  # it only looks


def fetch(asked: Asked, *, pod_security: Manifest) -> Fetch | None:
    if asked.hub is None and not asked.checked_in_place:
        return None
    said = asked.spec.fetch
    bundle = asked.spec.source.ca_bundle_config_map_ref
    return Fetch(
        image=asked.defaults.fetch_image,
        pull_policy=asked.defaults.fetch_pull_policy,
        args=arguments(asked, asked.hub) if asked.hub else checking(asked),
        env=environment(asked),
        settings=names.fetch_settings(asked.meta.name),
        resources=resources(said.resources or {}),
        security=security.container(
            uid=asked.defaults.operand_uid, wishes=said.security_context or {}, pod=pod_security
        ),
        ca_bundle=bundle.name if bundle else None,
        read_only=asked.hub is None,
    )


def resources(said: Mapping[str, Any]) -> Manifest:
    """Ours give way: a request of ours stays below a limit of the user's, and the other way."""
    together = merged(RESOURCES, said)
    for name in RESOURCES["requests"]:
        request, limit = together["requests"][name], together["limits"][name]
        if quantities.above(request, limit):
            ours, theirs = (
                ("requests", limit) if name in said.get("limits", {}) else ("limits", request)
            )
            together[ours][name] = theirs
    return together


def arguments(asked: Asked, hub: Hub) -> tuple[str, ...]:
    source = asked.spec.source
    return (
        "fetch",
        "--source", weights.hub_kind(asked),
        "--repo", hub.repo,
        *(("--revision", hub.revision) if hub.revision else ()),
        "--destination", f"{ROOT}/{weights.directory(asked, hub)}",
        *(word for glob in source.include for word in ("--include", glob)),
        *(word for glob in source.exclude for word in ("--exclude", glob)),
    )  # fmt: skip


def checking(asked: Asked) -> tuple[str, ...]:
    place = weights.in_place(asked).directory
    return ("verify", f"{ROOT}/{place}" if place else ROOT)


def environment(asked: Asked) -> tuple[Manifest, ...]:
    """What cannot lie in the ConfigMap: references, and our own paths."""
    token = asked.hub.token_secret_ref if asked.hub else None
    bundle = asked.spec.source.ca_bundle_config_map_ref
    return by_key(
        env.literals({"HOME": env.SCRATCH, "TMPDIR": env.SCRATCH}),
        # Who holds the volume's lock: a host name may come back, a pod's uid never does.
        [{"name": "POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}],
        [item for item in asked.spec.fetch.env if "valueFrom" in item],
        tokens_of_mirrors(asked),
        [env.secret(main_token(asked, token), token)] if token else [],
        env.literals({"FLAGOS_FETCH_CA_BUNDLE": f"{CA_ROOT}/{bundle.key}"} if bundle else {}),
        key="name",
    )


def main_token(asked: Asked, token: SecretKeyReference) -> str:
    return token_from(asked, token) or "FLAGOS_FETCH_TOKEN"


def token_from(asked: Asked, token: SecretKeyReference) -> str | None:
    return None if asked.defaults.plain_token else token_variable(token)


def tokens_of_mirrors(asked: Asked) -> list[Manifest]:
    """One for each Secret, whichever and however many mirrors it is for.

    Optional: a mirror that lost its Secret is passed over, and must not stop what needs it not.
    """
    found = (mirror_hub(each).token_secret_ref for each in asked.spec.source.mirrors)
    return [env.secret(token_variable(token), token, optional=True) for token in found if token]


def token_variable(token: SecretKeyReference) -> str:
    """Named after the Secret and not after a place in the list.

    A pod that was made before an edit reads the hubs as they are now, and has the tokens of then:
    it must not send one of them where it was never meant to go.
    """
    mark = hashlib.sha256(f"{token.name}/{token.key}".encode()).hexdigest()[:8]
    return f"FLAGOS_FETCH_TOKEN_{mark.upper()}"


def mirrors(asked: Asked) -> str | None:
    """For the ConfigMap: what is left out here, the download fills in from its main hub."""
    said = [mirror(each) for each in asked.spec.source.mirrors]
    return json.dumps(said, separators=(",", ":")) if said else None


def mirror(said: Mirror) -> Manifest:
    hub = mirror_hub(said)
    token = hub.token_secret_ref
    return given(
        {
            "source": "modelscope" if said.modelscope else "huggingface",
            "repo": hub.repo,
            "revision": hub.revision,
            "endpoint": hub.endpoint,
            "tokenFrom": token_variable(token) if token else None,
        }
    )


def mirror_hub(said: Mirror) -> MirrorHub:
    return said.modelscope or said.huggingface or MirrorHub()


def settings(asked: Asked) -> dict[str, str]:
    said = {
        item["name"]: item.get("value", "")
        for item in asked.spec.fetch.env
        if "valueFrom" not in item
    }
    endpoint = asked.hub.endpoint if asked.hub else None
    token = asked.hub.token_secret_ref if asked.hub else None
    ours = {
        "FLAGOS_FETCH_VERIFY": asked.spec.weights.verify or "OnChange",
        "FLAGOS_FETCH_ENDPOINT": endpoint,
        "FLAGOS_FETCH_TOKEN_FROM": token_from(asked, token) if token else None,
        "FLAGOS_FETCH_MIRRORS": mirrors(asked),
        "FLAGOS_FETCH_ALLOWED_ADDRESSES": ",".join(asked.defaults.fetch_allowed) or None,
    }
    return {**asked.defaults.fetch_env, **said, **given(ours)}


def container(fetch: Fetch) -> Manifest:
    return plain(
        given(
            {
                "name": "fetch",
                "image": fetch.image,
                "imagePullPolicy": fetch.pull_policy,
                "args": fetch.args,
                "env": fetch.env,
                "envFrom": [{"configMapRef": {"name": fetch.settings}}],
                "resources": fetch.resources,
                "securityContext": fetch.security,
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "volumeMounts": mounts(fetch),
            }
        )
    )


def mounts(fetch: Fetch) -> list[Manifest]:
    bundle = [{"name": CA_VOLUME, "mountPath": CA_ROOT, "readOnly": True}]
    return [
        given({"name": weights.VOLUME, "mountPath": ROOT, "readOnly": fetch.read_only or None}),
        # Its own corner: what one user leaves in a shared home, another user cannot write to.
        {"name": "scratch", "mountPath": env.SCRATCH, "subPath": "fetch"},
        *(bundle if fetch.ca_bundle else []),
    ]


def volumes(fetch: Fetch | None) -> list[Manifest]:
    if fetch is None or fetch.ca_bundle is None:
        return []
    return [{"name": CA_VOLUME, "configMap": {"name": fetch.ca_bundle}}]
