"""python -m tests.faults.wrong_clock SECONDS run: the operator, with a clock that is off by that.

All of its time of day comes through one door, which a check of the code guards; its libraries ask
`time`. What it measures, it measures with the monotonic clock, which nobody can set.
"""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta

from flagos_operator import app
from flagos_operator.__main__ import main


def shift(seconds: float) -> None:
    right_time, right_now = time.time, app.utc_now  # noqa: TID251

    def wrong_time() -> float:
        return right_time() + seconds

    def wrong_now() -> datetime:
        return right_now() + timedelta(seconds=seconds)

    time.time = wrong_time  # noqa: TID251
    app.utc_now = wrong_now


if __name__ == "__main__":
    shift(float(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
