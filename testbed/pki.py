"""The cluster's certificates: one authority, and a key pair for each who speaks to another."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testbed.settings import NODES
from testbed.shell import run

if TYPE_CHECKING:
    from pathlib import Path

    from testbed.settings import Network, Settings

DAYS = "3650"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", DAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Kubernetes reads the user from CN and the groups from O."""

    file: str
    subject: str
    names: tuple[str, ...] = ()


def identities(network: Network) -> tuple[Identity, ...]:
    return (
        Identity(file="apiserver", subject="/CN=kube-apiserver", names=apiserver_names(network)),
        Identity(
            file="kubelet-client", subject="/O=system:masters/CN=kube-apiserver-kubelet-client"
        ),
        Identity(file="front-proxy-client", subject="/CN=front-proxy-client"),
        Identity(file="admin", subject="/O=system:masters/CN=admin"),
        Identity(file="controller-manager", subject="/CN=system:kube-controller-manager"),
        Identity(file="scheduler", subject="/CN=system:kube-scheduler"),
        Identity(file="proxy", subject="/CN=system:kube-proxy"),
        *(of_node(number, network=network) for number in NODES),
    )


def of_node(number: int, *, network: Network) -> Identity:
    name = f"node{number}"
    return Identity(
        file=name,
        subject=f"/O=system:nodes/CN=system:node:{name}",
        names=(f"DNS:{name}", f"IP:{network.node(number)}"),
    )


def apiserver_names(network: Network) -> tuple[str, ...]:
    service = "kubernetes"
    suffixes = ("", ".default", ".default.svc", ".default.svc.cluster.local")
    addresses = ("127.0.0.1", network.api_service, network.control_plane)
    return (
        "DNS:localhost",
        *(f"DNS:{service}{suffix}" for suffix in suffixes),
        *(f"IP:{address}" for address in addresses),
    )


def ensure(settings: Settings) -> None:
    """Made once and kept: a kubeconfig that someone copied stays good from run to run."""
    wanted = identities(settings.network)
    digest = hashlib.sha256(repr(wanted).encode()).hexdigest()
    stamp = settings.pki / "made-for"
    if stamp.exists() and stamp.read_text() == digest:
        return
    shutil.rmtree(settings.pki, ignore_errors=True)
    settings.pki.mkdir(parents=True, mode=0o700)
    make_authority(settings.pki, name=settings.name)
    make_token_key(settings.pki)
    for identity in wanted:
        make_certificate(settings.pki, identity=identity)
    stamp.write_text(digest)


def make_authority(pki: Path, *, name: str) -> None:
    usage = "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"
    files = ("-keyout", pki / "ca.key", "-out", pki / "ca.crt")
    run("openssl", "req", "-x509", *NEW_KEY, "-subj", f"/CN={name}-ca", "-addext", usage, *files)


def make_certificate(pki: Path, *, identity: Identity) -> None:
    extensions = [
        "basicConstraints=critical,CA:FALSE",
        "keyUsage=critical,digitalSignature",
        "extendedKeyUsage=serverAuth,clientAuth",
    ]
    if identity.names:
        extensions.append(f"subjectAltName={','.join(identity.names)}")
    run(
        *("openssl", "req", "-x509", *NEW_KEY, "-subj", identity.subject),
        *("-CA", pki / "ca.crt", "-CAkey", pki / "ca.key"),
        *(word for extension in extensions for word in ("-addext", extension)),
        *("-keyout", pki / f"{identity.file}.key", "-out", pki / f"{identity.file}.crt"),
    )


def make_token_key(pki: Path) -> None:
    """Signs the tokens of service accounts."""
    key, public = pki / "sa.key", pki / "sa.pub"
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    run("openssl", "ec", "-in", key, "-pubout", "-out", public)


def write_kubeconfig(settings: Settings, *, identity: str, path: Path) -> None:
    """Everything inside one file, so that it can be copied. JSON is YAML."""
    path.touch(mode=0o600)
    path.write_text(json.dumps(kubeconfig(settings, identity=identity), indent=2))


def kubeconfig(settings: Settings, *, identity: str) -> dict[str, object]:
    def encoded(name: str) -> str:
        return base64.b64encode((settings.pki / name).read_bytes()).decode()

    cluster = {
        "server": f"https://{settings.network.control_plane}:6443",
        "certificate-authority-data": encoded("ca.crt"),
    }
    user = {
        "client-certificate-data": encoded(f"{identity}.crt"),
        "client-key-data": encoded(f"{identity}.key"),
    }
    name = settings.name
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": identity, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": identity}}],
        "current-context": name,
    }
