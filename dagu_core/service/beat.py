"""When those who wait in a service look for themselves: together, on one beat, so that a process
with nothing to do sleeps. Whatever can tell of a reason to wake tells it by an event instead."""

from __future__ import annotations

import asyncio
import math

#: seconds between two beats
BEAT = 15.0
#: a beat that is nearer than this part of one counts as this moment
_NOW = 0.01


def wake_at(seconds: float) -> float:
    """The time of the loop to wake at, `seconds` from now; from one beat on, the last beat in them."""
    now = asyncio.get_running_loop().time()
    if seconds < BEAT:
        return now + seconds
    return math.floor((now + seconds) / BEAT + _NOW) * BEAT


async def heard(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, but no longer than so many seconds; whether it came."""
    try:
        async with asyncio.timeout_at(wake_at(seconds)):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def rest(seconds: float) -> None:
    """Sleep for so many seconds, or until the last beat in them."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(max(0.0, wake_at(seconds) - loop.time()))
