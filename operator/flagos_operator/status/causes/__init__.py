"""Known causes as data, in the order in which they are asked."""

from __future__ import annotations

from flagos_operator.status.causes.asked import COMMAND, MODEL
from flagos_operator.status.causes.general import EXITS, FOLLOWS, GENERAL, LAST_RESORT
from flagos_operator.status.causes.place import (
    DEVICES,
    MEMORY,
    RIGHTS,
    SURROUNDINGS,
    TOOLS,
    WAITING,
)

# The first that is found anywhere in the log wins, so the particular stands above the general.
CAUSES = (*COMMAND, *MEMORY, *SURROUNDINGS, *DEVICES, *TOOLS, *MODEL, *RIGHTS, *WAITING)

__all__ = ["CAUSES", "EXITS", "FOLLOWS", "GENERAL", "LAST_RESORT"]
