"""Asking again until it is so: for what nobody tells by an event."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def until(
    probe: Callable[[], Awaitable[bool]], *, within: float, every: float = 0.05
) -> None:
    async with asyncio.timeout(within):
        while not await probe():  # noqa: ASYNC110  the other side is another process
            await asyncio.sleep(every)
