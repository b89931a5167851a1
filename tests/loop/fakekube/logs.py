"""What a kubelet answers who is asked for a log."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping


def answer(text: str, query: Mapping[str, str]) -> bytes:
    """The last lines, of these those since, of these the first bytes.

    Where times are asked for, they are in the text already; a bar that is written over and over
    is one line.
    """
    lines = re.findall(r"[^\n]*\n|[^\n]+$", text)
    lines = lines[-int(query.get("tailLines") or len(lines) or 1) :]
    if since := query.get("sinceTime", ""):
        lines = [line for line in lines if line[: len(since) - 1] >= since[:-1]]
    return "".join(lines).encode()[: int(query.get("limitBytes") or sys.maxsize)]
