"""Why a fetch failed, in words that are API: the status of a FlagOSModel repeats them."""

from __future__ import annotations

import re
from enum import StrEnum


class Reason(StrEnum):
    """Add freely, never rename; docs/fetch.md has the cure for each."""

    SOURCE_NOT_FOUND = "SourceNotFound"
    UNAUTHORIZED = "Unauthorized"
    REVISION_NOT_FOUND = "RevisionNotFound"
    SOURCE_UNREACHABLE = "SourceUnreachable"
    RATE_LIMITED = "RateLimited"
    INSUFFICIENT_STORAGE = "InsufficientStorage"
    CHECKSUM_MISMATCH = "ChecksumMismatch"
    VOLUME_NOT_WRITABLE = "VolumeNotWritable"
    LOCK_HELD = "LockHeld"
    DIRECTORY_CONFLICT = "DirectoryConflict"
    INVALID_SOURCE = "InvalidSource"
    RECORD_MISSING = "RecordMissing"
    INTERNAL_ERROR = "InternalError"


# 1 and 2 are Python's and argparse's own, 128 and above belong to signals.
EXIT_CODES = {reason: 10 + place for place, reason in enumerate(Reason)}
EXIT_CODES[Reason.INTERNAL_ERROR] = 1
EXIT_TERMINATED = 143


class FetchError(Exception):
    """The one way in which a fetch fails on purpose; the message says what the user can do."""

    def __init__(self, reason: Reason, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after = retry_after  # what the hub has asked for, in seconds


# Links to a store are signed: whoever reads the log could use them.
SIGNED = re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\"]+")


def scrub(text: str, *, token: str | None) -> str:
    """The text without secrets, fit for a log that many can read."""
    if token:
        text = text.replace(token, "[token]")
    return SIGNED.sub(r"\1?[...]", text)
