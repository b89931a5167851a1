"""The version to upgrade from comes out of the history, or it is said why it cannot."""

from pathlib import Path

import pytest

from testbed.images import operator, previous
from testbed.images.store import Store
from testbed.shell import TestbedError, run
from testbed.terminal import Progress

AUTHOR = ("-c", "user.name=somebody", "-c", "user.email=somebody@localhost")


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(root=tmp_path / "cache", progress=Progress())


@pytest.fixture
def clone(tmp_path) -> Path:
    """Two commits of a tree like ours: each says of itself which one it is."""
    root = tmp_path / "clone"
    for folder in previous.KEPT:
        (root / folder).mkdir(parents=True)
    run("git", "init", "--quiet", root)
    for version in ("first", "second"):
        (root / "docs").write_text(version)
        for folder in previous.KEPT:
            (root / folder / "version").write_text(version)
        run("git", "-C", root, "add", "--all")
        run("git", "-C", root, *AUTHOR, "commit", "--quiet", "--message", version)
    return root


def commit(clone: Path, name: str) -> str:
    return run("git", "-C", clone, "rev-parse", name).strip()


def test_sources_are_those_of_the_commit_and_only_what_is_needed(store, clone):
    found = previous.sources(store, commit=commit(clone, "HEAD~1"), clone=clone)
    assert {path.name for path in found.iterdir()} == set(previous.KEPT)
    assert {(found / folder / "version").read_text() for folder in previous.KEPT} == {"first"}


def test_they_are_taken_out_once(store, clone):
    wanted = commit(clone, "HEAD~1")
    first = previous.sources(store, commit=wanted, clone=clone)
    (first / "mark").touch()
    assert previous.sources(store, commit=wanted, clone=clone) == first
    assert (first / "mark").exists()


def test_another_commit_takes_their_place(store, clone):
    first = previous.sources(store, commit=commit(clone, "HEAD~1"), clone=clone)
    second = previous.sources(store, commit=commit(clone, "HEAD"), clone=clone)
    assert (second / "charts" / "version").read_text() == "second"
    assert not first.exists()


def test_a_shallow_clone_is_told_how_to_get_the_rest(store, clone, tmp_path):
    shallow = tmp_path / "shallow"
    run("git", "clone", "--quiet", "--depth=1", clone.as_uri(), shallow)
    with pytest.raises(TestbedError, match=r"not in .*shallow") as error:
        previous.sources(store, commit=commit(clone, "HEAD~1"), clone=shallow)
    assert "git fetch --unshallow" in error.value.cure


def test_the_cure_cures(store, clone, tmp_path):
    shallow = tmp_path / "shallow"
    run("git", "clone", "--quiet", "--depth=1", clone.as_uri(), shallow)
    run("git", "-C", shallow, "fetch", "--quiet", "--unshallow")
    previous.sources(store, commit=commit(clone, "HEAD~1"), clone=shallow)


def test_the_image_has_a_name_of_its_own_that_tells_the_version():
    assert operator.DEV.image != previous.NAME
    assert previous.NAME.endswith(previous.COMMIT[:7])
