"""What stays for good is no garbage: the collector need not look at it again and again.

A full collection stops every pass meanwhile. Modules alone are 80,000 objects, and with a few
hundred models such a stop took 140 to 440 ms on a busy machine, each few seconds of a burst.
"""

from __future__ import annotations

import gc


def settled() -> None:
    """All that is alive now is never looked at again; what loses its last reference still goes."""
    gc.collect()
    gc.freeze()
