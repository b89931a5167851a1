"""The operator and its chart as they were released last: what an upgrade begins with.

Their sources come out of the history of this clone. The image is made as today's is, so that the
two differ in what they run and in nothing else.
"""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

from testbed.images import operator
from testbed.shell import TestbedError, attempt, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from testbed.images.store import Store

# Until there is a release, the first version that kept all its promises. At each release this
# becomes the commit of that release: what comes next is an upgrade from there.
COMMIT = "e21790271c3fe78c24675037dd0b1b3313324919"
NAME = f"localhost/flagos-operator-previous:{COMMIT[:7]}"
KEPT = ("operator", "charts", "crds", "requirements")


def build(store: Store) -> Path:
    return operator.build(store, version(store))


def version(store: Store) -> operator.Version:
    root = sources(store)
    same = (root / operator.REQUIREMENTS).read_text() == operator.DEV.requirements.read_text()
    return operator.Version(
        image=NAME, root=root, site=operator.DEV.site if same else "previous-site"
    )


def sources(store: Store, *, commit: str = COMMIT, clone: Path = operator.PROJECT) -> Path:
    require(commit, clone=clone)
    return store.directory(
        "previous", inputs=[commit, *KEPT], make=extract(commit, clone), usually="a second"
    )


def extract(commit: str, clone: Path) -> Callable[[Path], None]:
    def make(made: Path) -> None:
        archive = made.with_suffix(".tar")
        run("git", "-C", clone, "archive", f"--output={archive}", commit, "--", *KEPT)
        with tarfile.open(archive) as tar:
            tar.extractall(made, filter="data")

    return make


def require(commit: str, *, clone: Path = operator.PROJECT) -> None:
    """A shallow clone has today's files and no history."""
    found = attempt("git", "-C", clone, "cat-file", "-e", f"{commit}^{{commit}}")
    if found.returncode:
        raise TestbedError(
            f"the version to upgrade from, commit {commit[:7]}, is not in {clone}: "
            f"{found.stderr.strip()}",
            cure="git fetch --unshallow (in CI: check out with the whole history)",
        )
