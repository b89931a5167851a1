"""The verb that removes a deleted model's weights: what it takes away and what it leaves alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from flagos_operator.fetch import marker as markers
from flagos_operator.fetch import reclaim as removal
from flagos_operator.fetch.marker import Marker, StoredFile
from flagos_operator.fetch.reasons import FetchError, Reason
from flagos_operator.fetch.reclaim import REMNANT, check_mount, reclaim
from flagos_operator.fetch.request import Request

FILES = {"config.json": b"{}", "deep/er/model.safetensors": b"weights"}


def asked(place: Path, **other: str) -> Request:
    words = {"source": "modelscope", "repo": "a/b", "revision": "master"} | other
    return Request(destination=place, **words)  # type: ignore[arg-type]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory as a download leaves it, among others."""
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "file").write_text("stays")
    place = tmp_path / "model"
    for name, content in FILES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    stored = tuple(
        StoredFile(path=n, size=len(c), sha256=hashlib.sha256(c).hexdigest(), mtime=0)
        for n, c in FILES.items()
    )
    made = Marker(
        source="modelscope",
        repo="a/b",
        revision="master",
        commit=None,
        endpoint="https://hub",
        include=(),
        exclude=(),
        files=stored,
    )
    (place / markers.NAME).write_text(markers.dumps(made))
    return place


def test_all_of_the_directory_goes_and_is_counted(place: Path) -> None:
    told = reclaim(asked(place))
    assert (told["reason"], told["files"], told["totalBytes"]) == ("Removed", 2, 9)
    assert list(place.iterdir()) == []


def test_links_go_and_what_they_lead_to_stays(place: Path) -> None:
    (place / "link").symlink_to(place.parent / "beside" / "file")
    (place / "deep" / "folder").symlink_to(place.parent / "beside")
    (place / "nowhere").symlink_to("gone")
    reclaim(asked(place))
    assert list(place.iterdir()) == []
    assert (place.parent / "beside" / "file").read_text() == "stays"


@pytest.mark.parametrize(
    "other", [{"repo": "a/c"}, {"revision": "v2"}, {"source": "huggingface"}], ids=str
)
def test_what_another_download_has_left_is_not_touched(place: Path, other: dict[str, str]) -> None:
    before = sorted(place.rglob("*"))
    told = reclaim(asked(place, **other))
    assert told["reason"] == "Kept"
    assert "modelscope a/b at master" in told["message"]
    assert sorted(place.rglob("*")) == before


def test_files_of_unknown_origin_are_not_touched(place: Path) -> None:
    (place / markers.NAME).unlink()
    told = reclaim(asked(place))
    assert (told["reason"], len(list(place.iterdir()))) == ("Kept", 2)


def test_a_directory_that_is_empty_is_fine(place: Path) -> None:
    reclaim(asked(place))
    assert reclaim(asked(place))["reason"] == "Empty"


def test_a_run_that_was_ended_half_way_is_gone_on_with(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object, **__: object) -> None:
        (place / "config.json").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(removal, "empty", cut)
        with pytest.raises(KeyboardInterrupt):
            reclaim(asked(place))
    assert not (place / markers.NAME).exists(), "a reader takes it for complete"
    assert (place / REMNANT).exists()
    assert reclaim(asked(place))["files"] == 1
    assert list(place.iterdir()) == []


MOUNTS = """\
21 1 0:5 / /proc rw - proc proc rw
40 1 8:1 /volumes/pvc-1 /weights rw - ext4 /dev/sda1 rw
41 1 8:1 /volumes/pvc-1/a/b /weights/a/b rw - ext4 /dev/sda1 rw
42 1 8:1 /volumes/pvc-1/real /weights/alias rw - ext4 /dev/sda1 rw
43 1 8:1 /with\\040blank/x /weights/x rw - ext4 /dev/sda1 rw
44 1 0:9 /top /weights/top rw - nfs server:/export rw
"""


@pytest.mark.parametrize("name", ["a/b", "x", "top"])
def test_the_very_directory_has_to_be_mounted(name: str) -> None:
    check_mount(Path("/weights") / name, inside=Path(name), mounts=MOUNTS)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("alias", Reason.DIRECTORY_CONFLICT),
        ("a", Reason.INVALID_SOURCE),
        ("a/b/c", Reason.INVALID_SOURCE),
        ("elsewhere", Reason.INVALID_SOURCE),
    ],
)
def test_what_is_no_mount_or_one_of_something_else_is_refused(name: str, reason: Reason) -> None:
    with pytest.raises(FetchError) as refused:
        check_mount(Path("/weights") / name, inside=Path(name), mounts=MOUNTS)
    assert refused.value.reason is reason
