"""What waits on the volume counts only for the content that it was verified for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import pytest

from flagos_operator.fetch import staging
from flagos_operator.fetch.hashing import HashedFile
from flagos_operator.fetch.listing import Listing, RemoteFile
from flagos_operator.fetch.patience import Trouble
from flagos_operator.fetch.reasons import FetchError, Reason
from flagos_operator.fetch.staging import Checked
from flagos_operator.fetch.volume import Staging, Volume, volume_of


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def a_file(path: str, text: str) -> RemoteFile:
    return RemoteFile(path=path, size=len(text), algorithm="sha256", checksum=sha256(text))


@dataclass(frozen=True, kw_only=True)
class Room:
    staging: Staging

    def prepare(self, *files: RemoteFile) -> set[str]:
        return set(staging.prepare(self.staging, Listing(files=files)))

    def arrive(self, file: RemoteFile, text: str) -> None:
        part = self.staging.parts / file.key / "part"
        part.parent.mkdir(exist_ok=True)
        part.write_text(text)
        staging.keep(self.staging, Checked(file=file, sha256=sha256(text)), arrived=part)


@pytest.fixture
def room(tmp_path):
    return Room(staging=Staging(root=tmp_path / "key"))


OLD, NEW, SIDE = a_file("a/w", "old"), a_file("a/w", "new"), a_file("config", "{}")


def test_what_has_arrived_is_there_the_next_time(room):
    assert room.prepare(OLD, SIDE) == set()
    room.arrive(OLD, "old")
    assert room.prepare(OLD, SIDE) == {"a/w"}


def test_a_branch_that_moved_keeps_only_what_is_still_the_same(room):
    room.prepare(OLD, SIDE)
    room.arrive(OLD, "old")
    room.arrive(SIDE, "{}")
    assert room.prepare(NEW, SIDE) == {"config"}
    assert not (room.staging.tree / "a").exists()


def test_a_branch_that_moved_back_is_not_confused_by_it(room):
    """Same name, same size, other content: the note of the old one must not vouch for the new."""
    room.prepare(OLD)
    room.arrive(OLD, "old")
    room.prepare(NEW)
    room.arrive(NEW, "new")
    assert room.prepare(OLD) == set()


def test_a_note_without_its_file_counts_for_nothing(room):
    room.prepare(OLD)
    room.arrive(OLD, "old")
    (room.staging.tree / "a" / "w").unlink()
    assert room.prepare(OLD) == set()


def test_a_torn_note_counts_for_nothing(room):
    room.prepare(OLD)
    room.arrive(OLD, "old")
    notes = room.staging.manifest.read_text()
    room.staging.manifest.write_text(notes[:-5])
    assert room.prepare(OLD) == set()


def test_parts_of_other_content_are_removed(room):
    room.prepare(OLD, SIDE)
    for file in (OLD, SIDE):
        (room.staging.parts / file.key).mkdir()
    room.prepare(NEW, SIDE)
    assert [path.name for path in room.staging.parts.iterdir()] == [SIDE.key]


def test_parts_are_continued_in_copies_when_their_writer_may_live(room):
    room.prepare(OLD)
    (room.staging.parts / OLD.key).mkdir()
    part = room.staging.parts / OLD.key / "part"
    with part.open("a") as writer:
        writer.write("ol")
        writer.flush()
        staging.adopt_copies(room.staging)
        writer.write("garbage")
    assert part.read_text() == "ol"


def test_room_is_for_what_is_missing_only(room, tmp_path):
    class Tight(Volume):
        def free(self) -> int:
            return 4

    large = a_file("large", "x" * 10)
    listing = Listing(files=(large, SIDE))
    room.prepare(large, SIDE)
    with pytest.raises(FetchError, match="12 bytes are needed and 4 are free") as full:
        staging.check_room(room.staging, listing, have={}, on=Tight(root=tmp_path))
    assert full.value.reason is Reason.INSUFFICIENT_STORAGE
    (room.staging.parts / large.key).mkdir()
    (room.staging.parts / large.key / "part").write_text("x" * 6)
    staging.check_room(room.staging, listing, have={"config": "x"}, on=Tight(root=tmp_path))


def test_old_leftovers_are_swept_and_others_are_not(tmp_path):
    """LLMKube #1459: temporary files of dead downloads filled the volume."""
    volume = Volume(root=tmp_path)
    volume.prepare()
    for name in ("mine", "other"):
        (volume.state / "partial" / name).mkdir()
    (volume.state / "lock.draft").touch()
    now = (volume.state / "lock.draft").stat().st_mtime
    volume.sweep(keep="mine", now=now + 3600)
    assert len(list((volume.state / "partial").iterdir())) == 2
    volume.sweep(keep="mine", now=now + 8 * 24 * 3600)
    assert sorted(path.name for path in volume.state.rglob("*")) == ["mine", "partial"]


def test_a_volume_is_found_by_the_state_it_holds(tmp_path):
    (tmp_path / ".flagos").mkdir()
    assert volume_of(tmp_path / "acme" / "tiny" / "main").root == tmp_path


@pytest.mark.parametrize("algorithm", ["sha256", "git-sha1", "none"])
def test_each_kind_of_checksum_is_checked(tmp_path, algorithm):
    git = hashlib.sha1(b"blob 3\0old", usedforsecurity=False).hexdigest()
    checksum = {"sha256": sha256("old"), "git-sha1": git, "none": ""}[algorithm]
    file = replace(OLD, algorithm=algorithm, checksum=checksum)
    assert written(tmp_path / "good", file, b"old") == sha256("old")
    with pytest.raises(Trouble, match="where the hub lists 3"):
        written(tmp_path / "short", file, b"ol")
    with pytest.raises(Trouble, match="where the hub lists 3"):
        written(tmp_path / "long", file, b"old!")
    if algorithm != "none":
        with pytest.raises(Trouble, match=r"a/w arrived with"):
            written(tmp_path / "wrong", file, b"new")


def test_a_part_is_hashed_with_what_was_there_before(tmp_path):
    (tmp_path / "part").write_bytes(b"ol")
    with (tmp_path / "part").open("r+b", buffering=0) as part:
        target = HashedFile(part, file=OLD)
        assert target.reread() == 2
        target.write(b"d")
        assert target.check() == sha256("old")


def test_an_answer_with_the_whole_file_starts_over(tmp_path):
    (tmp_path / "part").write_bytes(b"xx")
    with (tmp_path / "part").open("r+b", buffering=0) as part:
        target = HashedFile(part, file=OLD)
        target.reread()
        target.seek(0)
        target.truncate()
        target.write(b"old")
        target.check()
    assert (tmp_path / "part").read_bytes() == b"old"


def written(path, file: RemoteFile, text: bytes) -> str:
    with path.open("w+b", buffering=0) as part:
        target = HashedFile(part, file=file)
        target.write(text)
        return target.check()
