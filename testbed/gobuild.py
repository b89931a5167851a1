"""Kubernetes, CoreDNS, Helm, the volume provisioner and kwok, built from their Go modules.

go.mod and go.sum here pin every one of them. All share one set of compiled packages, so raising
a single version can mean compiling everything again.
"""

from __future__ import annotations

import hashlib
import os
import re
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
OLDEST_GO = (1, 21)
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
KWOK = "sigs.k8s.io/kwok/cmd/kwok"


def version_flags() -> str:
    """Without these Kubernetes reports v0.0.0, and Helm renders and lints for Kubernetes 1.20."""
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
    known = [(f"{package}.{fact}", told) for package in packages for fact, told in facts.items()]
    for package in ("chartutil", "lint/rules"):
        named = f"helm.sh/helm/v3/pkg/{package}.k8sVersion"
        known += [(f"{named}Major", major), (f"{named}Minor", minor)]
    return " ".join(f"-X {name}={value}" for name, value in known)


def builds() -> tuple[tuple[str, ...], ...]:
    """Two commands, since local-path-provisioner imports logrus by its old name.

    Go refuses to build packages together whose paths differ by upper case alone.
    """
    go_build = ("go", "build", "-trimpath", "-buildvcs=false", "-ldflags")
    kubernetes = ("./kubeone", "./coredns", "helm.sh/helm/v3/cmd/helm", KWOK)
    return (
        (*go_build, f"-s -w {version_flags()}", *kubernetes),
        (*go_build, "-s -w", "github.com/rancher/local-path-provisioner"),
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
    env = {
        **os.environ,
        "PATH": f"{os.environ['PATH']}:/usr/local/go/bin",
        "CGO_ENABLED": "0",
        "GOGC": "400",  # memory, of which there is enough, for 6 % of the time
        "GOTOOLCHAIN": os.environ.get("GOTOOLCHAIN", "auto"),
    }
    if go_release(attempt("go", "version", env=env).stdout) < OLDEST_GO:
        raise TestbedError(
            "the cluster is built from source, and there is no Go 1.21 or newer on PATH",
            cure="install Go (https://go.dev/doc/install); from 1.21 on it fetches the release"
            " that go.mod names by itself",
        )
    return env


def go_release(version: str) -> tuple[int, ...]:
    """`go version go1.26.8 linux/amd64` is (1, 26); nothing at all is older than everything."""
    found = re.search(r"\bgo(\d+)\.(\d+)", version)
    return tuple(int(part) for part in found.groups()) if found else ()


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
