"""``python -m benchmarks.asking``: questions at a given rate, whether or not they are answered.

One order comes as a line of JSON on stdin (``Order``), one answer goes to stdout: for each kind of
question the milliseconds, and how many were answered badly. The moments of asking are drawn before
(a Poisson process, as of callers who don't know of one another), and a question's time counts from
its moment: one that had to wait because those before it were slow counts that wait, too.
"""

from __future__ import annotations

import http.client
import json
import random
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Final
from urllib.parse import urlsplit

_CONNECTIONS: Final = 64
_SLOWEST: Final = 20


@dataclass(frozen=True, slots=True)
class Order:
    """``questions`` are (kind, path, token); each is as likely as the others.

    ``rate`` is per second, over ``seconds``.
    """

    url: str
    rate: float
    seconds: float
    seed: int
    questions: Sequence[tuple[str, str, str]]


@dataclass
class Answers:
    """What came back; kept by several threads. ``slowest`` are (milliseconds, moment, kind)."""

    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    slowest: list[tuple[float, float, str]] = field(default_factory=list)
    bad: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, moment: float, took: float, *, good: bool) -> None:
        """One answer to what was to be asked at ``moment``; ``took`` in milliseconds."""
        with self.lock:
            self.slowest = nlargest(
                _SLOWEST, [*self.slowest, (round(took, 1), round(moment, 2), kind)]
            )
            self.milliseconds.setdefault(kind, []).append(round(took, 2))
            self.bad += not good


def moments(order: Order) -> Iterator[tuple[float, tuple[str, str, str]]]:
    """When to ask what, in seconds from the start. Pure."""
    chance = random.Random(order.seed)
    moment = chance.expovariate(order.rate)
    while moment < order.seconds:
        yield moment, chance.choice(order.questions)
        moment += chance.expovariate(order.rate)


def ask(order: Order) -> Answers:
    """Ask all of it."""
    answers = Answers()
    plan = moments(order)
    taking = threading.Lock()
    place = urlsplit(order.url)
    began = time.monotonic()

    def one_connection() -> None:
        connection = http.client.HTTPConnection(place.hostname or "", place.port)
        while True:
            with taking:
                step = next(plan, None)
            if step is None:
                connection.close()
                return
            moment, (kind, path, token) = step
            time.sleep(max(began + moment - time.monotonic(), 0.0))
            try:
                connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
                response = connection.getresponse()
                response.read()
                good = response.status == http.client.OK
            except (OSError, http.client.HTTPException):
                connection.close()
                good = False
            answers.note(kind, moment, (time.monotonic() - began - moment) * 1_000, good=good)

    threads = [threading.Thread(target=one_connection) for _ in range(_CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def main() -> None:
    """Take the order, carry it out, tell."""
    answers = ask(Order(**json.loads(sys.stdin.readline())))
    told = {"ms": answers.milliseconds, "bad": answers.bad, "slowest": answers.slowest}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
