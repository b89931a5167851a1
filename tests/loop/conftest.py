"""Input: objects and faults in the fake API. Asserted: what it then holds and was asked."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.loop import running
from tests.loop.fakekube import FakeKube

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from flagos_operator.app import App

    Operator = Callable[..., contextlib.AbstractAsyncContextManager[App]]


@pytest.fixture
async def kube() -> AsyncIterator[FakeKube]:
    async with FakeKube().serving() as serving:
        yield serving


@pytest.fixture
def operator(kube: FakeKube, tmp_path: Path) -> Operator:
    return partial(running.operator, kube, tmp_path)
