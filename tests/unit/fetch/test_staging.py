"""What waits on the volume counts only for the content that it was verified for."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass

import pytest

from flagos_operator.fetch import pieces, staging
from flagos_operator.fetch.listing import Listing, RemoteFile
from flagos_operator.fetch.part import Part
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
        self.part(file, text).close()
        staging.keep(self.staging, Checked(file=file, sha256=sha256(text)))

    def part(self, file: RemoteFile, text: str, *, at: int = 0) -> Part:
        """A part with some bytes in it, that is still being written."""
        part = Part(file, folder=self.staging.parts / file.key, piece=4)
        part.write(text.encode(), at=at)
        return part


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
        room.part(file, "o").close()
    room.prepare(NEW, SIDE)
    assert [path.name for path in room.staging.parts.iterdir()] == [SIDE.key]


def test_parts_are_continued_in_copies_when_their_writer_may_live(room):
    large = a_file("large", "0123456789")
    room.prepare(large)
    writer = room.part(large, "45", at=4)
    taken = staging.entered(room.staging, after_silence=True)
    writer.write(b"6", at=6)
    assert taken.parts != room.staging.parts
    assert staging.arrived(taken, [large]) == 2
    assert pieces.data_in(taken.parts / large.key).read_bytes() == b"\0\0\0\x0045"


def test_a_writer_that_wakes_up_finds_its_paths_gone(room):
    """Else it would put the file of the one that took over in place, half as it is."""
    room.prepare(OLD)
    slept = room.part(OLD, "old")
    taken = staging.entered(room.staging, after_silence=True)
    slept.close()
    with pytest.raises(FileNotFoundError):
        staging.keep(room.staging, Checked(file=OLD, sha256=sha256("old")))
    with pytest.raises(FileNotFoundError):
        Part(SIDE, folder=room.staging.parts / SIDE.key, piece=4)
    assert staging.prepare(taken, Listing(files=(OLD,))) == {}


def test_the_next_one_goes_on_where_the_last_has_taken_over(room):
    room.prepare(OLD)
    room.part(OLD, "ol").close()
    taken = staging.entered(room.staging, after_silence=True)
    volume = Volume(root=room.staging.root)
    shutil.copytree(taken.root, volume.state / "partial" / "key")
    assert volume.staging("key").generation == taken.generation == 1
    assert staging.arrived(volume.staging("key"), [OLD]) == 2


def test_without_silence_nothing_is_copied(room):
    room.prepare(OLD)
    assert staging.entered(room.staging, after_silence=False) == room.staging


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
    room.part(large, "x" * 6, at=4).close()
    staging.check_room(room.staging, listing, have={"config": "x"}, on=Tight(root=tmp_path))
    with pytest.raises(FetchError, match="6 bytes are needed"):
        staging.check_room(room.staging, listing, have={}, on=Tight(root=tmp_path))


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
