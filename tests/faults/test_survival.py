"""Each fault strikes 200 models in the midst of edits; then all is as a fresh operator has it.

Input: a fault of `faults.py` and a storm of edits that roll nothing. Asserted: the invariants, see
`invariants.py`, and that an operator that starts anew changes nothing.
"""

from __future__ import annotations

import pytest

from tests.faults import faults
from tests.faults.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]


@pytest.mark.parametrize("trial", faults.TRIALS, ids=lambda trial: trial.name.replace(" ", "-"))
async def test_all_is_well_after(world: World, trial: faults.Trial) -> None:
    await trial.happen(world)
    await world.check()
