import pytest

from tests.faults import faults
from tests.faults.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


@pytest.mark.parametrize("trial", faults.TRIALS, ids=lambda trial: trial.name.replace(" ", "-"))
async def test_trial(world: World, trial: faults.Trial) -> None:
    await trial.happen(world)
    await world.check()
