"""The chart's own ServiceAccount, to be the operator as: it then has the rights of the chart."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.kube import Body, Kube, run

ROOT = Path(__file__).parents[1]
KINDS = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}


@contextlib.contextmanager
def a_namespace(name: str) -> Iterator[Kube]:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    run("kubectl", "apply", "-f", "-", stdin=json.dumps(body))
    try:
        yield Kube(name)
    finally:
        run("kubectl", "delete", "namespace", name, "--wait=false")


@contextlib.contextmanager
def the_charts_account(namespace: str, *, kubeconfig: Path) -> Iterator[Path]:
    """Lent to the cluster; the file that is written has a token of it."""
    roles = rights(namespace)
    with a_namespace(namespace) as system:
        system.apply(*roles)
        try:
            write_kubeconfig(kubeconfig, namespace=namespace, roles=roles)
            yield kubeconfig
        finally:
            for body in roles:
                if body["kind"].startswith("Cluster"):
                    run("kubectl", "delete", body["kind"], body["metadata"]["name"])


def rights(namespace: str) -> list[Body]:
    """The chart's ServiceAccount with its roles, and nothing else of it."""
    chart = str(ROOT / "charts" / "flagos-operator")
    text = run("helm", "template", "tests", chart, "-n", namespace, "--kube-version=1.36.3")
    return [body for body in yaml.safe_load_all(text) if body and body["kind"] in KINDS]


def write_kubeconfig(path: Path, *, namespace: str, roles: list[Body]) -> None:
    """The administrator's kubeconfig with the account's token in the place of his own."""
    account = next(b["metadata"]["name"] for b in roles if b["kind"] == "ServiceAccount")
    words = ("create", "token", account, "--duration=2h")
    token = run("kubectl", "-n", namespace, *words).strip()
    config = yaml.safe_load(run("kubectl", "config", "view", "--raw", "--minify", "--flatten"))
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    path.write_text(yaml.safe_dump(config))
