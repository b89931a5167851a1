"""The API server itself, without a kubectl in between: for what tests ask time and again.

Each kubectl costs a tenth of a second of a processor before it has asked anything, and a test
that waits asks five times a second. What people see of kubectl is asked of kubectl.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from kubernetes import client, config

if TYPE_CHECKING:
    from collections.abc import Sequence

Body = dict[str, Any]
JSON = "application/json"
APPLY = "application/apply-patch+yaml"
STRICTLY = {"dryRun": "All", "fieldValidation": "Strict"}
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class RefusedError(AssertionError):
    """What the API server says to a request that it does not carry out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One resource, by all names that kubectl takes."""

    root: str  # /api/v1, /apis/apps/v1
    resource: str
    names: frozenset[str]
    kind: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        place = f"/namespaces/{namespace}" if self.namespaced else ""
        return f"{self.root}{place}/{self.resource}" + (f"/{name}" if name else "")

    @property
    def version(self) -> str:
        return self.root.removeprefix("/apis/").removeprefix("/api/")


@cache
def api() -> client.ApiClient:
    """Of the cluster that KUBECONFIG names; its connection stays open."""
    return config.new_client_from_config()


def call(
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    body: Body | None = None,
    headers: Mapping[str, str] | None = None,
) -> Body:
    request = api().param_serialize(
        method,
        path,
        query_params=[*(query or {}).items()],
        header_params={"Accept": JSON, "Content-Type": JSON, **(headers or {})},
        body=body,
        auth_settings=["BearerToken"],
    )
    answer = api().call_api(*request, _request_timeout=60)
    text = answer.read().decode(errors="replace")
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise RefusedError(said(answer.status, text))
    found: Body = json.loads(text)
    return found


def said(status: int, text: str) -> str:
    """As kubectl says it: the reason, and the server's own words."""
    try:
        told = json.loads(text)
    except ValueError:
        return f"Error from server: {status}: {text}"
    return f"Error from server ({told.get('reason', status)}): {told['message']}"


def get(kind: str, name: str, *, namespace: str) -> Body:
    return shown(call("GET", known(kind).path(namespace, name)))


def items(kinds: str, *, namespace: str, selector: str = "") -> list[Body]:
    """Of one kind, or of several with commas between them."""
    return [
        shown({"apiVersion": kind.version, "kind": kind.kind, **item})
        for kind in map(known, kinds.split(","))
        for item in call("GET", kind.path(namespace), query={"labelSelector": selector})["items"]
    ]


def judge(body: Body, *, namespace: str) -> Body:
    """What would become of a new object, as `kubectl create --dry-run=server` asks."""
    return call("POST", kind_of(body).path(namespace), query=STRICTLY, body=body)


def judge_apply(body: Body, *, namespace: str, manager: str) -> Body:
    """The same of a server-side apply."""
    path = kind_of(body).path(namespace, body["metadata"]["name"])
    query = {**STRICTLY, "fieldManager": manager}
    return call("PATCH", path, query=query, body=body, headers={"Content-Type": APPLY})


def kind_of(body: Body) -> Kind:
    return known(body["kind"], version=body["apiVersion"])


def shown(body: Body) -> Body:
    """As `kubectl get -o json` shows it."""
    body["metadata"].pop("managedFields", None)
    return body


def known(name: str, *, version: str = "") -> Kind:
    """A kind that is not known yet may have come since the last look."""
    for kinds in (discovered, discovered_anew):
        for kind in kinds():
            if name.lower() in kind.names and version in ("", kind.version):
                return kind
    raise RefusedError(f'the server doesn\'t have a resource type "{name}"')


def discovered_anew() -> Sequence[Kind]:
    discovered.cache_clear()
    return discovered()


@cache
def discovered() -> Sequence[Kind]:
    """The core first, and of each group the version that the server prefers."""
    return [
        kind
        for root in ("/api", "/apis")
        for group in call("GET", root, headers={"Accept": DISCOVERY})["items"]
        for version in group["versions"]
        for kind in resources(root, group["metadata"].get("name", ""), version)
    ]


def resources(root: str, group: str, version: Body) -> Iterator[Kind]:
    place = "/".join(part for part in (root, group, version["version"]) if part)
    for each in version["resources"]:
        names = (each["resource"], each.get("singularResource"), *each.get("shortNames", ()))
        yield Kind(
            root=place,
            resource=each["resource"],
            names=frozenset(name for name in names if name),
            kind=each["responseKind"]["kind"],
            namespaced=each["scope"] == "Namespaced",
        )
