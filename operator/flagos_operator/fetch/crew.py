"""The streams of one download and what they share: all files at once, in pieces."""

from __future__ import annotations

import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from flagos_operator.fetch import board as boards
from flagos_operator.fetch import staging as stagings
from flagos_operator.fetch.board import Board, Row
from flagos_operator.fetch.pace import Gate, Stopped
from flagos_operator.fetch.part import Part
from flagos_operator.fetch.patience import Trouble
from flagos_operator.fetch.reasons import Reason
from flagos_operator.fetch.staging import Checked
from flagos_operator.fetch.transfer import Line, NoRanges

if TYPE_CHECKING:
    from collections.abc import Callable

    from flagos_operator.fetch.hub import Hub
    from flagos_operator.fetch.listing import RemoteFile
    from flagos_operator.fetch.pieces import Piece
    from flagos_operator.fetch.tools import Tools
    from flagos_operator.fetch.volume import Staging

HASHERS = 4
ECHO = 1.0
LOOK_AGAIN = 0.5
FAREWELL = 15.0  # seconds for all streams to end; to connect may take ten


class Crew:
    """Fetches files into the parts of a staging, and keeps each that is whole and right."""

    def __init__(self, hub: Hub, *, commit: str | None, staging: Staging, tools: Tools) -> None:
        streams = tools.streams
        self._staging = staging
        self._piece = streams.piece
        self._alone = streams.alone
        self._clock = tools.clock
        self._gate = Gate(clock=tools.clock)
        self._tell = tools.say
        self._told: dict[str, float] = {}
        self._persistence = replace(tools.persistence, sleep=self._gate.sleep, say=self._say)
        self._lines = [
            Line(hub, commit=commit, gate=self._gate, floor=streams.floor, clock=tools.clock)
            for _ in range(max(1, streams.count))
        ]
        hashers = min(HASHERS, os.cpu_count() or 1)
        self._hashers = ThreadPoolExecutor(hashers, thread_name_prefix="fetch-hash")
        self._board = Board()
        self._turn = threading.Condition()
        self._parts: dict[str, Part] = {}
        self._following: set[str] = set()
        self._kept: dict[str, str] = {}
        self._kept_bytes = 0
        self._error: BaseException | None = None

    def arrived(self) -> int:
        with self._turn:
            return self._kept_bytes + sum(part.arrived for part in self._parts.values())

    def hashed(self) -> int:
        with self._turn:
            return self._kept_bytes + sum(part.hashed for part in self._parts.values())

    def gather(self, files: tuple[RemoteFile, ...]) -> None:
        """What is to be fetched, and what an earlier run has left of it."""
        with self._turn:
            self._board = Board.of(files)
            for row in self._board.reopen(stagings.begun(self._staging)):
                self._open(row)

    def fetch(self) -> dict[str, str]:
        """The sha256 of each file; the first failure stops all streams."""
        threads = [
            threading.Thread(target=self._work, args=(line,), name=f"fetch-{number}", daemon=True)
            for number, line in enumerate(self._lines)
        ]
        for thread in threads:
            thread.start()
        with self._turn:
            self._turn.wait_for(lambda: self._board.done or self._error is not None)
        self._end(threads)
        if self._error is not None:
            raise self._error
        return self._kept

    def _work(self, line: Line) -> None:
        try:
            while (row := self._next()) is not None:
                self._carry(line, row)
        except Stopped:
            return
        except BaseException as error:  # noqa: BLE001 - it goes on in the thread that waits
            self._fail(error)

    def _next(self) -> tuple[Row, Piece] | None:
        """Waits while all that is missing is on its way: a bad checksum brings work back."""
        with self._turn:
            while not self._board.done and self._error is None:
                row = self._board.next_row(takes_long=self._takes_long)
                if row is None:
                    self._turn.wait(LOOK_AGAIN)
                elif row.pieces is None:
                    self._open(row)
                else:
                    return row, boards.take(row)
        return None

    def _takes_long(self, row: Row) -> bool:
        """At the rate so far, of which nothing is known in the first moment."""
        seconds = self._clock() - row.since
        if self._alone <= 0 or seconds < LOOK_AGAIN:
            return self._alone <= 0
        arrived = self._parts[row.file.path].arrived
        rate = (arrived - row.had) / seconds
        return row.file.size - arrived > rate * self._alone

    def _open(self, row: Row) -> None:
        folder = self._staging.parts / row.file.key
        part = Part(row.file, folder=folder, piece=self._piece, lagging=self._lagging)
        self._parts[row.file.path] = part
        row.since, row.had = self._clock(), part.arrived
        self._see_what_is_missing(row, part)
        if row.pieces and part.behind:
            self._lagging(part)

    def _see_what_is_missing(self, row: Row, part: Part) -> None:
        row.pieces = list(part.missing())
        if not row.pieces:
            self._submit(self._finish, row, part)
        self._turn.notify_all()

    def _carry(self, line: Line, job: tuple[Row, Piece]) -> None:
        row, piece = job
        part = self._parts[row.file.path]
        try:
            self._persistence.insist(
                lambda: line.carry(part, piece),
                progress=lambda: part.arrived,
                pausing=lambda trouble, pause: self._pausing(line.host, trouble, pause),
            )
        except NoRanges:
            row.ranges = False
        with self._turn:
            row.streams -= 1
            if row.streams == 0 and not (row.pieces and row.ranges):
                self._see_what_is_missing(row, part)

    def _pausing(self, host: str, trouble: Trouble, pause: float) -> None:
        if trouble.reason is Reason.RATE_LIMITED or trouble.retry_after is not None:
            self._gate.hold(host, pause)

    def _lagging(self, part: Part) -> None:
        """Called for each block that is passed over: cheap while somebody reads back already."""
        path = part.file.path
        if path not in self._following:
            self._following.add(path)
            self._submit(self._follow, part)

    def _follow(self, part: Part) -> None:
        try:
            part.follow()
        finally:
            self._following.discard(part.file.path)

    def _finish(self, row: Row, part: Part) -> None:
        try:
            sha256 = part.check()
        except Trouble as trouble:
            self._again(row, part, trouble)
            return
        part.close()
        stagings.keep(self._staging, Checked(file=row.file, sha256=sha256))
        with self._turn:
            del self._parts[row.file.path]
            self._kept[row.file.path] = sha256
            self._kept_bytes += row.file.size
            self._board.close(row)
            self._turn.notify_all()

    def _again(self, row: Row, part: Part, trouble: Trouble) -> None:
        row.failures += 1
        chance = self._persistence.random()
        pause = self._persistence.patience.wait(trouble, failures=row.failures, random=chance)
        self._persistence.say(f"{trouble.message}; trying again in {pause:.1f} s")
        self._persistence.sleep(pause)
        part.start_over()
        with self._turn:
            self._see_what_is_missing(row, part)

    def _say(self, words: str) -> None:
        """What all streams meet at once is said once."""
        trouble, now = words.partition(";")[0], self._clock()
        with self._turn:
            if now - self._told.get(trouble, now - ECHO) < ECHO:
                return
            self._told[trouble] = now
        self._tell(words)

    def _submit(self, work: Callable[..., None], *arguments: object) -> None:
        def guarded() -> None:
            try:
                work(*arguments)
            except Stopped:
                return
            except BaseException as error:  # noqa: BLE001 - it goes on in the thread that waits
                self._fail(error)

        with contextlib.suppress(RuntimeError):  # the end has come meanwhile
            self._hashers.submit(guarded)

    def _fail(self, error: BaseException) -> None:
        with self._turn:
            self._error = self._error or error
            self._turn.notify_all()

    def _end(self, threads: list[threading.Thread]) -> None:
        """No stream outlives its crew: another one may continue the same parts."""
        if self._error is not None:
            self._gate.stopped.set()
            for part in self._parts.values():
                part.stop()
            for line in self._lines:
                line.abort()
        self._hashers.shutdown(cancel_futures=self._error is not None)
        until = self._clock() + FAREWELL
        for thread in threads:
            thread.join(timeout=max(0.0, until - self._clock()))
        if not any(thread.is_alive() for thread in threads):
            for part in self._parts.values():
                part.close()
            for line in self._lines:
                line.close()
