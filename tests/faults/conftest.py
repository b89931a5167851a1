"""The crowd comes alive once for all tests of this folder. Needs this project's own cluster.

What runs: etcd, the API server and the controllers of Kubernetes, the operator as a process with
the rights of the chart. What is simulated: nodes and pods, by kwok.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.control_plane import BorrowedClusterError
from tests.faults.world import World, a_world

SEED = 20


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    try:
        async with a_world(folder=tmp_path_factory.mktemp("faults"), seed=SEED) as made:
            yield made
    except BorrowedClusterError as refused:
        pytest.exit(f"test-faults: {refused}", returncode=1)
