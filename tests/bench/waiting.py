"""Asking again until it is so: for what nobody tells by an event."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any


async def until(
    probe: Callable[[], Awaitable[bool]], *, within: float, every: float = 0.05
) -> None:
    async with asyncio.timeout(within):
        while not await probe():  # noqa: ASYNC110  the other side is another process
            await asyncio.sleep(every)


async def until_terminated(measuring: Coroutine[Any, Any, None]) -> None:
    """Also a SIGTERM leaves no operator and no namespace behind."""
    task = asyncio.ensure_future(measuring)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task
