"""Kubernetes, CoreDNS, Helm and the volume provisioner, built from their Go modules.

go.mod and go.sum here pin every one of them. All share one set of compiled packages, so raising
a single version can mean compiling everything again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.settings import PINNED_KUBERNETES
from testbed.shell import TestbedError, attempt, run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from testbed.settings import Settings
    from testbed.terminal import Progress

SOURCES = Path(__file__).with_name("go")
KEPT_BUILDS = 2
KUBE_PROGRAMS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)
# helm and kubectl are for people, the daemons for the node.
ON_PATH = ("kubectl", "helm")


def version_flags() -> str:
    """Without these Kubernetes reports v0.0.0, and charts refuse to install on that."""
    major, minor, _ = PINNED_KUBERNETES.removeprefix("v").split(".")
    facts = {
        "gitVersion": PINNED_KUBERNETES,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "gitCommit": "0" * 40,
        "buildDate": "2026-01-01T00:00:00Z",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(f"-X {package}.{k}={v}" for package in packages for k, v in facts.items())


def builds() -> tuple[tuple[str, ...], ...]:
    """The go build commands. Two, as local-path-provisioner imports logrus by its old name: in one
    command with the others Go refuses what differs by upper case alone."""
    stripped = "-s -w"
    kubernetes = ("./kubeone", "./coredns", "helm.sh/helm/v3/cmd/helm")
    return (
        ("go", "build", "-trimpath", "-ldflags", f"{stripped} {version_flags()}", *kubernetes),
        (
            "go",
            "build",
            "-trimpath",
            "-ldflags",
            stripped,
            "github.com/rancher/local-path-provisioner",
        ),
    )


def ensure(settings: Settings, progress: Progress) -> Path:
    """The directory with all programs of the current sources; built if it is not there."""
    wanted = settings.cache / "bin" / f"go-{inputs_digest(sources(), commands=builds())[:16]}"
    if not wanted.exists():
        with progress.step(
            f"building Kubernetes {PINNED_KUBERNETES}, CoreDNS and Helm from source",
            usually="7 to 10 minutes the first time, seconds when only links are missing",
        ):
            build_into(wanted)
    point_at(wanted, settings=settings)
    forget_old(wanted)
    return wanted


def sources() -> list[Path]:
    return sorted(path for path in SOURCES.rglob("*") if path.is_file())


def inputs_digest(files: Iterable[Path], *, commands: tuple[tuple[str, ...], ...]) -> str:
    total = hashlib.sha256(repr((commands, KUBE_PROGRAMS)).encode())
    for path in files:
        total.update(path.relative_to(SOURCES).as_posix().encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def build_into(target: Path) -> None:
    """Whole or not at all: a build that is cut short leaves no directory of that name."""
    env = go_environment()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=target.parent) as scratch:
        made = Path(scratch) / "programs"
        made.mkdir()
        for command in builds():
            run(*command[:2], "-o", f"{made}/", *command[2:], env=env, cwd=SOURCES)
        for program in KUBE_PROGRAMS:
            (made / program).symlink_to("kubeone")
        made.rename(target)


def go_environment() -> dict[str, str]:
    # GOGC trades memory, of which there is enough while nothing else runs, for 6 % of the time.
    path = f"{os.environ['PATH']}:/usr/local/go/bin"
    env = os.environ | {"CGO_ENABLED": "0", "GOGC": "400", "PATH": path}
    if attempt("go", "version", env=env).returncode:
        raise TestbedError(
            "the cluster is built from source and needs Go, which is not on PATH",
            cure="install Go 1.26 or newer (https://go.dev/doc/install)",
        )
    return env


def point_at(build: Path, *, settings: Settings) -> None:
    settings.programs.mkdir(parents=True, exist_ok=True)
    for program in ON_PATH:
        fresh = settings.programs / f".{program}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(build / program)
        fresh.replace(settings.programs / program)


def forget_old(current: Path) -> None:
    """A build is 300 MB; one older than the last is kept for switching branches."""
    current.touch()
    kept = sorted(current.parent.glob("go-*"), key=lambda path: path.stat().st_mtime)
    for old in kept[:-KEPT_BUILDS]:
        shutil.rmtree(old)
