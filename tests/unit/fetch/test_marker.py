"""The record that makes a directory complete: whole and fitting, or none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from flagos_operator.fetch.marker import Marker, Origin, StoredFile, dumps, loads, read
from flagos_operator.fetch.request import Request

FILE = StoredFile(path="a", size=3, sha256="a" * 64, mtime=1_700_000_000_123_456_789)
MARKER = Marker(
    source="huggingface",
    repo="acme/tiny",
    revision="main",
    commit="c" * 40,
    endpoint="https://hub.example",
    include=("*.json",),
    exclude=(),
    files=(FILE, replace(FILE, path="b", size=4)),
)
REQUEST = Request(
    source="huggingface",
    repo="acme/tiny",
    revision="main",
    destination=Path("/weights/x"),
    include=("*.json",),
)


def test_it_survives_being_written_and_read():
    assert loads(dumps(MARKER)) == MARKER


def test_it_tells_which_mirror_has_served_and_fits_what_was_asked_all_the_same():
    mirror = Origin(
        source="modelscope", repo="b/c", revision="v1", commit=None, endpoint="https://ms.example"
    )
    served = replace(MARKER, commit=None, mirror=mirror)
    assert loads(dumps(served)) == served
    assert served.fits(REQUEST)
    assert served.digest == MARKER.digest
    assert "mirror" not in dumps(MARKER)


@settings(deadline=None)  # a busy machine is no defect
@given(some.integers(min_value=0, max_value=len(dumps(MARKER)) - 1))
def test_half_a_record_is_no_record(length):
    assert loads(dumps(MARKER)[:length]) is None


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", "1", '{"files": 1}'])
def test_something_else_is_no_record(text):
    assert loads(text) is None


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"digest": "sha256:0"},
        {"files": []},
        {"files": [{"path": "a", "size": 3}]},
        {"include": None},
    ],
)
def test_a_record_that_was_changed_is_no_record(change):
    assert loads(json.dumps(json.loads(dumps(MARKER)) | change)) is None


def test_a_directory_without_one_is_not_complete(tmp_path):
    assert read(tmp_path) is None
    assert read(tmp_path / "none") is None


def test_it_fits_what_was_asked_for():
    assert MARKER.fits(REQUEST)


def test_a_branch_asked_for_by_its_commit_fits():
    assert MARKER.fits(replace(REQUEST, revision="c" * 40))


def test_another_mirror_of_the_same_repo_fits():
    assert MARKER.fits(replace(REQUEST, endpoint="https://mirror.example", token="t"))  # noqa: S106


@pytest.mark.parametrize(
    "change",
    [
        {"source": "modelscope"},
        {"repo": "acme/other"},
        {"revision": "v1"},
        {"include": ()},
        {"exclude": ("*.bin",)},
    ],
)
def test_anything_else_does_not_fit(change):
    assert not MARKER.fits(replace(REQUEST, **change))


def test_a_repo_without_commit_is_not_what_no_revision_means():
    assert not replace(MARKER, commit=None).fits(replace(REQUEST, revision="None"))


def test_the_digest_is_of_names_and_contents_alone():
    touched = replace(MARKER, files=tuple(replace(file, mtime=1) for file in MARKER.files[::-1]))
    assert touched.digest == MARKER.digest
    assert replace(MARKER, files=MARKER.files[:1]).digest != MARKER.digest
