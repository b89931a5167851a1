"""The operator that an upgrade leads to has other rows of one chip and one release, no more."""

import tomllib
from pathlib import Path

import pytest
import yaml

from testbed.images import operator, revised
from testbed.images.store import Store
from testbed.shell import TestbedError
from testbed.terminal import Progress

Rows = dict[str, dict[str, object]]


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(root=tmp_path / "cache", progress=Progress())


def chips(root: Path) -> Rows:
    return tomllib.loads((root / revised.CATALOG / "chips.toml").read_text())


def releases(root: Path) -> Rows:
    documents = yaml.safe_load_all((root / revised.CATALOG / "releases.yaml").read_text())
    return {each["metadata"]["name"]: each["spec"] for each in documents}


def changed(before: Rows, after: Rows) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


def test_one_chip_and_one_release_of_it_differ(store):
    ours, theirs = operator.DEV.root, revised.sources(store)
    assert changed(chips(ours), chips(theirs)) == {"metax"}
    (release,) = changed(releases(ours), releases(theirs))
    assert releases(ours)[release]["chip"] == "metax"


def test_the_rest_of_the_operator_is_todays(store):
    theirs = revised.version(store)
    rows = {"chips.toml", "releases.yaml"}
    for file in operator.DEV.code.rglob("*"):
        if file.suffix in {".py", ".yaml", ".toml"} and file.name not in rows:
            copy = theirs.code / file.relative_to(operator.DEV.code)
            assert copy.read_bytes() == file.read_bytes()


def test_a_row_that_reads_otherwise_by_now_is_named(tmp_path):
    file = tmp_path / "chips.toml"
    file.write_text('[metax]\nresourceName = "metax-tech.com/gpu"\n')
    with pytest.raises(TestbedError, match=r"chips.toml does not have this once") as error:
        revised.revise(file, revision=revised.REVISIONS[0])
    assert "revised.py" in error.value.cure
