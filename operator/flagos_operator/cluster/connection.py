"""Where the API server is and how to be believed by it: KUBECONFIG, a pod's account, ~/.kube."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from kubernetes.aio import config as kubeconfig
from kubernetes.aio.client import Configuration
from kubernetes.aio.config.kube_config import KubeConfigLoader, KubeConfigMerger

from flagos_operator.errors import SettingsError

DEFAULT = "default"
IN_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What another client of the same server needs."""

    server: str
    ca_file: str | None
    certificate_file: str | None
    key_file: str | None
    verify: bool
    scheme: str  # of the Authorization header, e.g. Bearer; empty without one
    token: str


async def load(environment: Mapping[str, str], *, context: str | None = None) -> Configuration:
    """Read everything anew: tokens and certificates are rotated under a running operator."""
    configuration = Configuration()
    _check(environment, context=context)
    try:
        await _load_into(configuration, environment, context=context)
    except (kubeconfig.ConfigException, OSError) as wrong:
        raise SettingsError(f"no usable Kubernetes credentials: {wrong}") from wrong
    # With trust_env every call asks two threads for proxies and a .netrc: only where one is set.
    configuration.client_session_kwargs = {"trust_env": _is_proxied(configuration.host)}
    return configuration


async def describe(configuration: Configuration) -> Connection:
    scheme, _, token = (await authorization(configuration)).partition(" ")
    return Connection(
        server=configuration.host,
        ca_file=configuration.ssl_ca_cert,
        certificate_file=configuration.cert_file,
        key_file=configuration.key_file,
        verify=configuration.verify_ssl,
        scheme=scheme,
        token=token,
    )


async def authorization(configuration: Configuration) -> str:
    """A service account's token file is read again when a minute has passed."""
    found = await configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
    return (found or "").strip()


async def _load_into(
    configuration: Configuration, environment: Mapping[str, str], *, context: str | None
) -> None:
    if _is_in_pod(environment, context=context):
        kubeconfig.load_incluster_config(client_configuration=configuration)
        return
    path = _file(environment)
    if not _exists(path):
        raise SettingsError(f"KUBECONFIG={path!r}: no such file, and this is not a pod")
    await kubeconfig.load_kube_config(
        config_file=path,
        context=context,
        client_configuration=configuration,
        persist_config=False,
    )


def namespace(environment: Mapping[str, str], *, context: str | None = None) -> str:
    """Of objects that name none: the context's, a pod's own, or `default`; as kubectl has it."""
    if _is_in_pod(environment, context=context):
        return IN_POD.read_text("utf-8").strip() if IN_POD.is_file() else DEFAULT
    _check(environment, context=context)
    written = KubeConfigMerger(_file(environment)).config
    found = KubeConfigLoader(config_dict=written, active_context=context).current_context
    return str(found["context"].get("namespace") or DEFAULT)


def _check(environment: Mapping[str, str], *, context: str | None) -> None:
    """The client library takes a file of any content for a kubeconfig."""
    paths = [] if _is_in_pod(environment, context=context) else _file(environment).split(":")
    for path in filter(_exists, paths):
        try:
            found = yaml.safe_load(Path(path).read_text("utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as wrong:
            said = " ".join(str(wrong).split())
            raise SettingsError(f"KUBECONFIG={path!r}: cannot be read: {said}") from wrong
        if not isinstance(found, Mapping):
            raise SettingsError(f"KUBECONFIG={path!r}: this is no kubeconfig")


def is_at_hand(environment: Mapping[str, str]) -> bool:
    """Whether anything says where an API server is."""
    if environment.get("KUBECONFIG") or environment.get("KUBERNETES_SERVICE_HOST"):
        return True
    return _exists(str(Path.home() / ".kube" / "config"))


def _is_in_pod(environment: Mapping[str, str], *, context: str | None) -> bool:
    said = environment.get("KUBECONFIG") or context
    return not said and bool(environment.get("KUBERNETES_SERVICE_HOST"))


def _file(environment: Mapping[str, str]) -> str:
    return environment.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")


def _exists(paths: str) -> bool:
    return any(Path(each).is_file() for each in paths.split(":"))


def _is_proxied(server: str) -> bool:
    parts = urlsplit(server)
    proxies = urllib.request.getproxies_environment()
    return parts.scheme in proxies and not urllib.request.proxy_bypass(parts.hostname or "")
