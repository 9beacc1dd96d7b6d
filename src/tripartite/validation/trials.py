"""The named trials: load, a dispute, wallet RPCs that die in a key exchange, a payout that is stuck.

What takes hours in life takes seconds here: the coordinator is started again with the operator's own
settings for its deadlines (``TRIPARTITE_STUCK_HOURS`` and so on), an hour lasting a second. No clock
is moved and no code replaced, so the alarms are those of a real installation.
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

from tripartite.devnet import programs
from tripartite.devnet.api import Api
from tripartite.devnet.party import CommandFailed
from tripartite.domain.deadlines import Stage
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret
from tripartite.validation.figures import (
    KEYS,
    KEYS_LIMIT,
    LEAST_LOAD_LIMIT,
    SETUP_LIMIT,
    Course,
    Scenario,
    percentile,
)
from tripartite.validation.floor import Floor
from tripartite.validation.plan import Ending, Order, order
from tripartite.validation.trading import Trade, carry_out, watched

LOAD_AT_ONCE: Final = 3
_PACE_SECONDS: Final = 11.0
"""A little faster than the pace that the specification asks for."""
_STUCK_SECONDS: Final = (6, 12, 24, 48)
_KEYING_SECONDS: Final = 10
_KILL_TRIES: Final = 3
_WHY: Final = "The pre-launch check: the vendor's machine is switched on again in a minute."

Trial = tuple[Scenario, Sequence[Course]]


def load(floor: Floor, count: int, seed: int) -> Trial:
    """So many set-ups at the specification's pace, each called off when its address is attested.

    One begins every eleven seconds, whether or not the one before has ended, as strangers do who
    know nothing of each other; only a fourth waits while three are under way.
    """
    chance = random.Random(seed)  # noqa: S311 — a plan, not a secret; it must come out the same
    orders = [order(number, Ending.CANCELLATION, chance) for number in range(1, count + 1)]
    began = time.monotonic()

    def one(order_: Order) -> Course:
        floor.wait_for_moment(began + (order_.number - 1) * _PACE_SECONDS)
        return carry_out(floor, order_, "load")

    courses = floor.side_by_side(one, orders, at_once=LOAD_AT_ONCE)
    seconds = time.monotonic() - began
    keys = [one.phases[KEYS] for one in courses if KEYS in one.phases]
    median, slow = percentile(keys, 50), percentile(keys, 95)
    wrong = []
    limit = max(SETUP_LIMIT * count, LEAST_LOAD_LIMIT)
    if seconds > limit:
        wrong.append(f"{count} set-ups took {seconds:.0f} s, more than {limit:.0f} s")
    if median > KEYS_LIMIT:
        wrong.append(f"the median key exchange took {median:.1f} s, more than {KEYS_LIMIT:.0f} s")
    seen = (
        f"{len(keys)} of {count} set-ups in {seconds:.0f} s; at most {limit:.0f} s",
        f"one began every {_PACE_SECONDS:.0f} s; 50 in 10 minutes are {SETUP_LIMIT:.0f} s each",
        f"from signed terms to the address: p50 {median:.1f} s, p95 {slow:.1f} s",
    )
    return Scenario(f"load: {count} escrows", seconds, seen, tuple(wrong)), courses


def dispute(floor: Floor, number: int, seed: int) -> Trial:
    """Evidence, and a ruling for the buyer while the vendor's agent sleeps."""
    part = "dispute and ruling"
    trade = _trade(floor, part, number, Ending.RULING_FOR_BUYER, seed, caller=Role.BUYER)
    vendor = floor.ground.community[Role.VENDOR]
    photo = floor.ground.directory / "photo.jpg"
    photo.write_bytes(secrets.token_bytes(64 * 1024))
    seen: list[str] = []

    def complain() -> None:
        trade.dispute("nothing arrived", photo)
        floor.until(lambda: _whole_files(trade) == 1, "the evidence reached the arbiter")
        seen.append("the evidence reached the arbiter, sealed")
        vendor.pause()

    def settle() -> None:
        trade.rule()
        trade.finish()
        seen.append("arbiter and buyer paid out while the vendor's agent did nothing")

    try:
        course = watched(
            trade,
            trade.propose,
            trade.accept,
            trade.wait_for_wallet,
            trade.fund,
            complain,
            settle,
        )
    finally:
        vendor.resume()
    return _concluded(part, trade, course, seen, [])


def rpc_failure(floor: Floor, number: int, seed: int) -> Trial:
    """The buyer's wallet RPCs die in the key exchange while the vendor's agent sleeps.

    An alarm is raised, and once the vendor is back the exchange is finished or begun anew.
    """
    part = "RPC failure in the key exchange"
    vendor = floor.ground.community[Role.VENDOR]
    unhurt: list[Course] = []
    clock = time.monotonic()
    for attempt in range(_KILL_TRIES):
        trade = _trade(floor, part, number + attempt, Ending.RELEASE, seed, caller=Role.BUYER)
        seen: list[str] = []
        wrong: list[str] = []
        try:
            course = watched(trade, trade.propose, trade.accept, _interrupt(trade, seen, wrong))
        finally:
            vendor.resume()
        if course.trouble is None:
            course = _completed(trade)
        if course.trouble is None and seen:
            attempts = floor.api.escrow(trade.escrow_id).attempt
            seen.append(f"the address was attested in attempt {attempts}, and the money paid out")
        if course.trouble is not None or seen:
            scenario, own = _concluded(part, trade, course, seen, wrong)
            return scenario, (*unhurt, *own)
        # The exchange was over before the kill. It had to end well all the same.
        unhurt.append(course)
    late = f"{_KILL_TRIES} key exchanges were over before anything could be killed"
    return Scenario(part, time.monotonic() - clock, (), (late,)), unhurt


def _interrupt(trade: Trade, seen: list[str], wrong: list[str]) -> Callable[[], None]:
    """Kill in the middle of the key exchange, if there is still a middle, and wait for the alarm."""
    floor = trade.floor
    vendor, buyer = (floor.ground.community[role] for role in (Role.VENDOR, Role.BUYER))

    def interrupt() -> None:
        under_way = (State.ACCEPTED, State.KEYING, State.AWAITING_DEPOSIT)
        floor.until(lambda: floor.state(trade.escrow_id) in under_way, "the terms are signed")
        vendor.pause()
        killed = _kill_wallets(buyer.pid)
        if floor.state(trade.escrow_id) is State.AWAITING_DEPOSIT or _is_attested(trade):
            vendor.resume()
            return
        seen.append(f"{killed} wallet RPCs of the buyer were killed")
        if not killed:
            wrong.append("the buyer had no wallet RPC to kill")
        floor.until(
            lambda: floor.story(trade.escrow_id).stage >= Stage.NOTICED,
            "the coordinator raises an alarm",
        )
        seen.append("the coordinator raised its alarm for an unfinished key exchange")

    return interrupt


def _completed(trade: Trade) -> Course:
    return watched(trade, trade.wait_for_wallet, trade.fund, trade.decide, trade.finish)


def _is_attested(trade: Trade) -> bool:
    """Whether the coordinator has an address by now; the follower may be a moment behind."""
    return trade.floor.api.escrow(trade.escrow_id).address is not None


def stuck(floor: Floor, number: int, seed: int) -> Trial:
    """A release whose vendor is away: four alarms, a case, a retry, and the end once he is back."""
    part = "stuck release and recovery"
    trade = _trade(floor, part, number, Ending.RELEASE, seed, caller=Role.BUYER)
    vendor = floor.ground.community[Role.VENDOR]
    seen: list[str] = []
    wrong: list[str] = []

    def leave() -> None:
        vendor.stop()

    def hear_alarms() -> None:
        floor.until(
            lambda: floor.story(trade.escrow_id).stage >= Stage.RECOVERY,
            "the fourth alarm is raised",
        )
        stages = [one.stage for one in floor.story(trade.escrow_id).told if one.stage]
        seen.append(f"alarms of stages {', '.join(map(str, stages))}")
        with _admin(floor) as admin:
            floor.until(lambda: trade.escrow_id in _cases(admin), "a recovery case is open")
            seen.append("a recovery case was opened for the admins")
            path = f"/api/admin/recovery/{trade.escrow_id}/action"
            body = {"action": "retry_transaction", "admin_notes": _WHY}
            report = cast("list[Mapping[str, str]]", admin.post(path, body)["report"])
            answers = ", ".join(f"{one['who']}: {one['result']}" for one in report)
            seen.append(f"a retry was asked for ({answers})")
        vendor.start()

    def close() -> None:
        with _admin(floor) as admin:
            floor.until(lambda: trade.escrow_id not in _cases(admin), "the case is closed")
        seen.append("the vendor's agent came back, the payout was final, the case closed by itself")

    try:
        course = watched(
            trade,
            trade.propose,
            trade.accept,
            trade.wait_for_wallet,
            trade.fund,
            leave,
            trade.decide,
            hear_alarms,
            trade.finish,
            close,
        )
    finally:
        if vendor.pid is None:
            vendor.start()
    return _concluded(part, trade, course, seen, wrong)


@contextmanager
def hours_last_seconds(floor: Floor) -> Iterator[None]:
    """While this lasts, the coordinator's deadlines are seconds; it is started again for that."""
    coordinator = floor.ground.community.coordinator

    def start_again(settings: Mapping[str, str]) -> None:
        coordinator.stop()
        coordinator.overruled = settings
        coordinator.start()

    start_again(
        {
            "TRIPARTITE_STUCK_HOURS": ",".join(_hours(one) for one in _STUCK_SECONDS),
            "TRIPARTITE_KEY_EXCHANGE_HOURS": _hours(_KEYING_SECONDS),
        }
    )
    yield
    start_again({})


def _hours(seconds: int) -> str:
    return f"{seconds / 3_600:.6f}"


def _trade(
    floor: Floor, part: str, number: int, ending: Ending, seed: int, *, caller: Role
) -> Trade:
    drawn = order(number, ending, random.Random(seed + number))  # noqa: S311 — see ``load``
    return Trade(floor, replace(drawn, caller=caller), part)


def _concluded(
    part: str, trade: Trade, course: Course, seen: Sequence[str], wrong: Sequence[str]
) -> Trial:
    who = "" if course.escrow_id is None else f"escrow {trade.escrow_id}"
    told = (who, *seen) if who else tuple(seen)
    return Scenario(part, course.ended - course.began, told, tuple(wrong)), (course,)


def _whole_files(trade: Trade) -> int:
    """How many files the arbiter's agent has whole."""
    case = trade.seats[Role.ARBITER].case()
    evidence = cast("list[Mapping[str, object]]", case["evidence"])
    return sum(one["size"] is not None for one in evidence)


@contextmanager
def _admin(floor: Floor) -> Iterator[Api]:
    """The coordinator, as an admin of its own; made on the server when first needed."""
    coordinator = floor.ground.community.coordinator
    token = coordinator.directory.parent / "validator-token"
    if not token.exists():
        password = coordinator.directory.parent / "validator-password"
        for file in (token, password):
            file.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24))
        _on_server(floor, "create", "validator", "--password-file", str(password))
        token.write_text(_on_server(floor, "token", "validator").strip())
    with coordinator.api(Secret(token.read_text())) as api:
        yield api


def _on_server(floor: Floor, *words: str) -> str:
    """What ``tripartite admin …`` prints on the server. Raises CommandFailed."""
    coordinator = floor.ground.community.coordinator
    done = programs.run(
        "admin", *words, directory=coordinator.directory, settings=coordinator.settings()
    )
    if done.returncode:
        raise CommandFailed(f"tripartite admin {words[0]}: {done.stderr}")
    return done.stdout


def _cases(admin: Api) -> list[str]:
    """The escrows that admins have to look after."""
    found = cast("list[Mapping[str, object]]", admin.get("/api/admin/recovery/list")["cases"])
    return [str(one["escrow_id"]) for one in found]


def _kill_wallets(agent: int | None) -> int:
    """Kill every wallet-rpc that an agent's process started (proc(5)); how many those were."""
    killed = 0
    for task in Path(f"/proc/{agent}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for child in map(int, (task / "children").read_text().split()):
                if Path(f"/proc/{child}/comm").read_text().startswith("monero-wallet"):
                    os.kill(child, signal.SIGKILL)
                    killed += 1
    return killed
