"""``python -m benchmarks.waiting_agents``: many agents' WebSockets in one process, which only wait.

Orders come as lines on stdin, answers go as lines to stdout, all JSON. The first order is
``{"url": …, "tokens": […]}``, answered when every socket is open; each empty line after it asks how
many still are. At the end of stdin it hangs up.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass, field

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

_OPENING_AT_ONCE = 50
_OPEN_SECONDS = 60.0


@dataclass
class Crowd:
    """Who is connected, and what came in."""

    opened: int = 0
    closed: int = 0
    frames: int = 0
    failed: list[str] = field(default_factory=list)

    def told(self) -> str:
        """For the one who asked."""
        return json.dumps(
            {
                "open": self.opened - self.closed,
                "frames": self.frames,
                "failed": self.failed[:5],
            }
        )


async def wait(url: str, token: str, crowd: Crowd, gate: asyncio.Semaphore) -> None:
    """Open one socket, and listen until it ends."""
    try:
        async with gate:
            socket = await connect(
                url,
                additional_headers={"Authorization": f"Bearer {token}"},
                compression=None,
                proxy=None,
                ping_interval=None,
                open_timeout=_OPEN_SECONDS,
            )
            crowd.opened += 1
    except (OSError, TimeoutError) as error:
        crowd.failed.append(repr(error))
        return
    try:
        async for _ in socket:
            crowd.frames += 1
    except ConnectionClosed:
        pass
    finally:
        crowd.closed += 1


async def main() -> None:
    """Open all, then answer questions until nobody asks any more."""
    loop = asyncio.get_running_loop()
    order = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    crowd, gate = Crowd(), asyncio.Semaphore(_OPENING_AT_ONCE)
    tasks = [
        asyncio.create_task(wait(order["url"], token, crowd, gate)) for token in order["tokens"]
    ]
    while crowd.opened + len(crowd.failed) < len(tasks):
        await asyncio.sleep(0.1)
    sys.stdout.write(crowd.told() + "\n")
    sys.stdout.flush()
    while await loop.run_in_executor(None, sys.stdin.readline):
        sys.stdout.write(crowd.told() + "\n")
        sys.stdout.flush()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main())
