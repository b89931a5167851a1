"""A file in pieces: what its journal may claim, and what its checksum is of."""

from __future__ import annotations

import hashlib
import random
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from flagos_operator.fetch import pieces
from flagos_operator.fetch.listing import RemoteFile
from flagos_operator.fetch.pace import Stopped
from flagos_operator.fetch.part import Part
from flagos_operator.fetch.patience import Trouble
from flagos_operator.fetch.pieces import HEAD, Counts, Journal, Piece, cut

TEXT = b"0123456789abcdef!"
FILE = RemoteFile(
    path="w", size=len(TEXT), algorithm="sha256", checksum=hashlib.sha256(TEXT).hexdigest()
)


def a_part(folder: Path, file: RemoteFile = FILE, *, piece: int = 4) -> Part:
    return Part(file, folder=folder / "key", piece=piece)


def fill(part: Part, text: bytes = TEXT) -> None:
    for piece in part.missing():
        at = part.reached(piece)
        part.write(text[at : piece.stop], at=at)


def counts_of(folder: Path) -> Counts | None:
    return pieces.counts_in(folder / "key", size=len(TEXT))


@pytest.mark.parametrize(
    ("size", "spans"),
    [(0, []), (3, [(0, 3)]), (4, [(0, 4)]), (9, [(0, 4), (4, 8), (8, 9)])],
)
def test_pieces_cover_the_file_once(size, spans):
    assert [(piece.start, piece.stop) for piece in cut(size, piece=4)] == spans


def test_a_journal_says_after_a_restart_what_it_said_before(tmp_path):
    part = a_part(tmp_path)
    part.write(b"45", at=4)
    part.write(b"g", at=16)
    again = a_part(tmp_path, piece=1000)
    assert again.arrived == 3
    assert [again.reached(piece) for piece in again.missing()] == [0, 6, 8, 12]


@pytest.mark.parametrize("harm", ["torn", "empty", "magic", "too much", "other size"])
def test_a_journal_that_cannot_be_true_claims_nothing(tmp_path, harm):
    part = a_part(tmp_path)
    fill(part)
    path = pieces.journal_in(tmp_path / "key")
    raw = path.read_bytes()
    harmed = {
        "torn": raw[:-1],
        "empty": b"",
        "magic": b"x" + raw[1:],
        "too much": raw[: HEAD.size] + b"\x05" + raw[HEAD.size + 1 :],
        "other size": Counts(size=16, piece=4, have=(4, 4, 4, 4)).pack(),
    }
    path.write_bytes(harmed[harm])
    assert counts_of(tmp_path) is None
    part = a_part(tmp_path)
    part.write(b"4", at=4)
    again = counts_of(tmp_path)
    assert again
    assert again.have == (0, 1, 0, 0, 0), "nor is it believed later, when something has come"


def test_a_part_shorter_than_its_journal_says_is_not_believed(tmp_path):
    """As after a power cut, where the disk kept the one and not the other."""
    part = a_part(tmp_path)
    part.write(b"g", at=16)
    pieces.data_in(tmp_path / "key").write_bytes(TEXT[:16])
    assert counts_of(tmp_path) is None


def test_the_frontier_ends_at_the_first_gap(tmp_path):
    journal = Journal(tmp_path / "j", counts=pieces.fresh(size=17, piece=4))
    for index, length, frontier in [(1, 4, 0), (0, 3, 3), (0, 1, 8), (2, 1, 9), (2, 3, 12)]:
        journal.add(index, length)
        assert journal.frontier() == frontier
    journal.add(4, 1)
    journal.add(3, 4)
    assert journal.frontier() == 17


@pytest.mark.parametrize("seed", range(5))
def test_in_whatever_order_pieces_come_the_checksum_is_of_the_file(tmp_path, seed):
    chance = random.Random(seed)  # noqa: S311
    part = a_part(tmp_path)
    while missing := part.missing():
        piece = chance.choice(missing)
        at = part.reached(piece)
        part.write(TEXT[at : chance.randint(at + 1, piece.stop)], at=at)
        if chance.random() < 0.2:
            part.close()
            part = a_part(tmp_path)
    assert part.check() == FILE.checksum
    assert pieces.data_in(tmp_path / "key").read_bytes() == TEXT


def test_several_streams_at_once_lose_no_count(tmp_path):
    text = random.Random(1).randbytes(1 << 20)  # noqa: S311
    file = replace(FILE, size=len(text), checksum=hashlib.sha256(text).hexdigest())
    part = a_part(tmp_path, file, piece=1 << 17)

    def stream(piece: Piece) -> None:
        for at in range(piece.start, piece.stop, 1 << 10):
            part.write(text[at : at + (1 << 10)], at=at)

    threads = [threading.Thread(target=stream, args=(piece,)) for piece in part.missing()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (part.arrived, part.missing()) == (len(text), ())
    assert part.check() == file.checksum


def test_of_an_answer_with_all_of_the_file_only_what_is_missing_is_written(tmp_path):
    part = a_part(tmp_path)
    part.write(TEXT[8:10], at=8)
    for at in range(0, len(TEXT), 3):
        part.write(TEXT[at : at + 3], at=at)
    assert part.arrived == len(TEXT)
    assert part.check() == FILE.checksum


@pytest.mark.parametrize("algorithm", ["sha256", "git-sha1", "none"])
def test_each_kind_of_checksum_is_checked(tmp_path, algorithm):
    git = hashlib.sha1(b"blob 17\0" + TEXT, usedforsecurity=False).hexdigest()
    checksum = {"sha256": FILE.checksum, "git-sha1": git, "none": ""}[algorithm]
    file = replace(FILE, algorithm=algorithm, checksum=checksum)
    part = a_part(tmp_path, file)
    part.write(TEXT[:4], at=0)
    with pytest.raises(Trouble, match="where the hub lists 17"):
        part.check()
    fill(part)
    assert part.check() == FILE.checksum
    if algorithm == "none":
        return
    part.start_over()
    assert part.arrived == 0
    fill(part, TEXT.upper())
    with pytest.raises(Trouble, match=r"w arrived with"):
        part.check()


def test_without_a_checksum_only_the_version_that_the_hub_names_is_continued(tmp_path):
    file = replace(FILE, algorithm="none", checksum="")
    for etag, kept in [("", 0), ('"v1"', 3)]:
        part = a_part(tmp_path, file)
        part.start_over(etag=etag)
        part.write(TEXT[:3], at=0)
        again = a_part(tmp_path, file)
        assert (again.etag, again.arrived) == (etag, kept)


def test_what_is_stopped_writes_nothing_more(tmp_path):
    part = a_part(tmp_path)
    part.write(TEXT[:2], at=0)
    part.stop()
    with pytest.raises(Stopped):
        part.write(TEXT[2:4], at=2)
    assert pieces.data_in(tmp_path / "key").read_bytes() == TEXT[:2]
