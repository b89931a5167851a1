"""A real API server: schema, CEL, apply, rights, garbage collection. Pods need not run.

The server is the one that KUBECONFIG names. The operator runs on this machine, as a process with
a token of the chart's own ServiceAccount, so that its rights are those that the chart gives.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.account import a_namespace, the_charts_account
from tests.kube import Kube, eventually, run

ROOT = Path(__file__).parents[2]
DEFINITION = ROOT / "crds" / "flagosmodels.yaml"
CRD = "crd/flagosmodels.flagos.io"
LENT = "flagos.io/lent-to-tests"  # also by a run that was killed
RUN = os.getpid()  # a namespace of the run before may still be on its way out
SYSTEM = f"cluster-tests-system-{RUN}"
PORT = "18080"  # on this machine, for /readyz and /metrics


@pytest.fixture(scope="session", autouse=True)
def server() -> Iterator[None]:
    """Fails with the cure where no cluster is named, and lends it the definition."""
    assert os.environ.get("KUBECONFIG"), "no cluster: run `make cluster`, then eval $(make -s env)"
    found = run("kubectl", "get", CRD, "--ignore-not-found", "-o", "name")
    run("kubectl", "apply", "--server-side", "--force-conflicts", "-f", str(DEFINITION))
    if not found:
        run("kubectl", "annotate", CRD, f"{LENT}=yes")
    run("kubectl", "wait", "--for=condition=Established", CRD)
    eventually(is_published, within=60, what="kubectl knows the new kind's fields")
    yield
    give_back()


def is_published() -> bool:
    """Until then kubectl validates by itself and never asks the server."""
    return bool(run("kubectl", "explain", "flagosmodel.spec.server.maxModelLen"))


def give_back() -> None:
    """Helm takes over no definition that it did not make; a lent one would stop an install."""
    kept = json.loads(run("kubectl", "get", CRD, "-o", "json"))["metadata"]
    if LENT in kept["annotations"]:
        run("kubectl", "delete", CRD)


@pytest.fixture(scope="module")
def space(request: pytest.FixtureRequest) -> Iterator[Kube]:
    """A namespace of this file's own."""
    name = Path(request.node.name).stem.replace("_", "-")
    with a_namespace(f"cluster-{name}-{RUN}") as kube:
        yield kube


@pytest.fixture(scope="session")
def account(server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    file = tmp_path_factory.mktemp("account") / "kubeconfig"
    with the_charts_account(SYSTEM, kubeconfig=file):
        yield file


def asked(path: str, *, port: str = PORT) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return str(answer.read().decode())


def is_synced(port: str = PORT) -> bool:
    with contextlib.suppress(OSError):
        return bool(asked("/readyz", port=port))
    return False


@contextlib.contextmanager
def an_operator(
    account: Path, *, image: str = "localhost/operator:1", port: str = PORT
) -> Iterator[Path]:
    """The operator as a process; gives the file of its log."""
    log = account.with_name("operator.log")
    settings = {
        "KUBECONFIG": str(account),
        "FLAGOS_OPERATOR_IMAGE": image,
        "FLAGOS_HTTP_PORT": port,
        "POD_NAME": "operator",
        "POD_NAMESPACE": SYSTEM,
    }
    command = [sys.executable, "-m", "flagos_operator", "run"]
    with (
        log.open("a") as out,
        subprocess.Popen(command, env=os.environ | settings, stdout=out, stderr=out) as process,
    ):
        try:
            eventually(lambda: is_synced(port), within=30, what="the operator is synced")
            yield log
        finally:
            process.terminate()
            assert process.wait(timeout=30) == 0, log.read_text()[-2000:]


@pytest.fixture(scope="session")
def no_other_operator() -> None:
    """One that the chart installed would do the work that these tests look for."""
    mine = ("-l", "app.kubernetes.io/name=flagos-operator")
    found = run("kubectl", "get", "deploy", "--all-namespaces", *mine, "-o", "name")
    assert not found, "helm uninstall the operator of this cluster first: two would do the work"


@pytest.fixture(scope="module")
def operator(account: Path, no_other_operator: None) -> Iterator[Path]:
    with an_operator(account) as log:
        yield log
