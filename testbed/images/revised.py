"""Today's operator with two of its rows revised: what an upgrade leads to whose catalogue differs.

The image is made as the operator's own is, from a copy of its sources, so that the two differ in
these rows and in nothing else. The rows keep what others of a release and of a chip do not say, so
whoever asks for one of them gets other pods.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.images import operator
from testbed.shell import TestbedError

if TYPE_CHECKING:
    from testbed.images.store import Input, Store

NAME = "localhost/flagos-operator-revised:dev"
CATALOG = Path("operator/flagos_operator/catalog")


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """The text of one place in a file of the catalogue, before and after."""

    file: str
    old: str
    new: str


REVISIONS = (
    Revision(
        file="chips.toml",
        old="""\
env = [{ name = "GEMS_VENDOR", value = "metax" }]
sharedMemory = "64Gi"
""",
        new="""\
env = [{ name = "GEMS_VENDOR", value = "metax" }, { name = "REVISED", value = "yes" }]
sharedMemory = "32Gi"
""",
    ),
    Revision(
        file="releases.yaml",
        old="  name: minicpm5-2b-metax\nspec:\n",
        new="  name: minicpm5-2b-metax\nspec:\n"
        "  devices: 2\n  weights: {mountPath: /models/revised}\n",
    ),
)


def build(store: Store) -> Path:
    return operator.build(store, version(store))


def version(store: Store) -> operator.Version:
    return operator.Version(image=NAME, root=sources(store), site=operator.DEV.site)


def sources(store: Store) -> Path:
    today = operator.DEV
    inputs: list[Input] = [today.code, today.requirements, *(repr(each) for each in REVISIONS)]
    return store.directory("revised", inputs=inputs, make=copy_revised, usually="a second")


def copy_revised(made: Path) -> None:
    requirements, code = made / operator.REQUIREMENTS, made / CATALOG.parent
    requirements.parent.mkdir()
    shutil.copy(operator.DEV.requirements, requirements)
    shutil.copytree(operator.DEV.code, code, ignore=shutil.ignore_patterns("__pycache__"))
    for revision in REVISIONS:
        revise(made / CATALOG / revision.file, revision=revision)


def revise(file: Path, *, revision: Revision) -> None:
    text = file.read_text()
    if text.count(revision.old) != 1:
        raise TestbedError(
            f"{file.name} does not have this once any more:\n{revision.old}",
            cure=f"adapt REVISIONS in {Path(__file__).name}",
        )
    file.write_text(text.replace(revision.old, revision.new))
