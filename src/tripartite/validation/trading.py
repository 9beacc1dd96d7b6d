"""One escrow, carried out by its three parties' own command lines, from proposal to end."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tripartite.agent.authority import asks_person
from tripartite.devnet.deals import Seat
from tripartite.domain.errors import TripartiteError
from tripartite.domain.lifecycle import CLOSED, State
from tripartite.domain.money import format_xmr
from tripartite.domain.parties import Role
from tripartite.domain.percentages import format_percent
from tripartite.domain.settlement import NetworkFeeBearer, Recipient
from tripartite.validation.figures import Course
from tripartite.validation.floor import Floor
from tripartite.validation.plan import ALLOWANCE, Ending, Order
from tripartite.validation.story import phases

_SHOWN: Final = 600
"""Characters kept of what went wrong."""


class Trade:
    """An order on its way. Each step waits until the party that acts can act."""

    def __init__(self, floor: Floor, order: Order, part: str) -> None:
        """Nothing has happened yet."""
        self.floor = floor
        self.order = order
        self.part = part
        self.escrow_id = ""
        self.seats: dict[Role, Seat] = {}
        self._address: str | None = None
        self._paid_in = 0
        self._paid_at: float | None = None
        self._began = time.time()

    # Steps

    def propose(self) -> None:
        """The buyer proposes; vendor's and arbiter's agents hear of it."""
        floor, community = self.floor, self.floor.ground.community
        with floor.hands:
            self.escrow_id = community[Role.BUYER].propose(
                vendor=community[Role.VENDOR],
                arbiter=community[Role.ARBITER],
                amount=self.order.amount,
                subject=f"a parcel, number {secrets.token_hex(4)}",
                more=self._terms(),
            )
        self.seats = {role: Seat(community, role, self.escrow_id) for role in Role}
        for role in (Role.VENDOR, Role.ARBITER):
            floor.until(
                lambda role=role: floor.case(role, self.escrow_id) is not None,  # type: ignore[misc]  # a default, so that each waits for its own role
                f"the {role.value}'s agent hears of the proposal",
            )

    def accept(self) -> None:
        """Vendor and arbiter accept."""
        for role in (Role.VENDOR, Role.ARBITER):
            self._do(self.seats[role].accept)

    def wait_for_wallet(self) -> None:
        """All three attest the same deposit address."""
        self._until_told(State.AWAITING_DEPOSIT)
        self._address = self.floor.api.escrow(self.escrow_id).address

    def fund(self) -> None:
        """Pay in what is due, and wait until it counts."""
        assert self._address is not None, "wait for the wallet first"
        self._paid_at = time.time()
        self.floor.ground.pay(self._address, self.order.due)
        self._paid_in = self.order.due
        with self.floor.ground.waiting_for_blocks():
            self._until_told(State.FUNDED)

    def decide(self) -> None:
        """Everything that people say to end it as ordered."""
        order = self.order
        caller = self.seats[order.caller]
        match order.ending:
            case Ending.RELEASE:
                self._say(Role.BUYER, State.FUNDED, self.seats[Role.BUYER].release)
            case Ending.REFUND:
                self._say(Role.VENDOR, State.FUNDED, self.seats[Role.VENDOR].refund)
            case Ending.CANCELLATION:
                self._say(order.caller, State.AWAITING_DEPOSIT, caller.cancel)
            case Ending.SETTLEMENT:
                self._settle()
            case _:
                self.dispute("nothing arrived" if order.caller is Role.BUYER else "no word of it")
                self.rule()

    def dispute(self, reason: str, *evidence: Path) -> None:
        """Call the arbiter."""
        caller = self.order.caller
        self._say(caller, State.FUNDED, lambda: self.seats[caller].dispute(reason, *evidence))

    def rule(self) -> None:
        """The arbiter decides; who is asked for a signature agrees."""
        order, arbiter = self.order, self.seats[Role.ARBITER]
        percent = format_percent(order.vendor_bps)
        winner = {Ending.RULING_FOR_BUYER: Role.BUYER, Ending.RULING_FOR_VENDOR: Role.VENDOR}.get(
            order.ending
        )
        if winner is not None:
            self._say(Role.ARBITER, State.DISPUTED, lambda: arbiter.rule(winner=winner))
            return
        self._say(
            Role.ARBITER,
            State.DISPUTED,
            lambda: arbiter.rule(vendor_percent=percent, cosigner=order.cosigner),
        )
        self.floor.until(self._is_asked, f"the {order.cosigner.value} is asked to sign the ruling")
        self._do(lambda: self.seats[order.cosigner].carry_out(vendor_percent=percent))

    def finish(self) -> None:
        """Wait for the end, and for blocks as far as a payout needs them."""
        if self.order.ending is Ending.CANCELLATION:
            self._until_told(State.CANCELLED)
            return
        self.floor.until(
            lambda: bool(self.floor.story(self.escrow_id).txids), "the payout is announced"
        )
        with self.floor.ground.waiting_for_blocks():
            self.floor.until(
                lambda: self.floor.state(self.escrow_id) in CLOSED, "the payout is final"
            )

    def course(self, trouble: str | None = None) -> Course:
        """What came of it."""
        story = self.floor.story(self.escrow_id)
        fee = 0
        try:
            fee = sum(self.floor.ground.fee(txid) for txid in set(story.txids))
        except TripartiteError as error:
            trouble = trouble or f"its fee could not be read: {error.detail}"
        return Course(
            part=self.part,
            order=self.order,
            escrow_id=self.escrow_id or None,
            state=story.state,
            address=self._address,
            paid_in=self._paid_in,
            txids=story.txids,
            fee=fee,
            phases=phases(story, paid_at=self._paid_at),
            began=self._began,
            ended=time.time(),
            trouble=trouble,
        )

    # Parts of steps

    def _terms(self) -> list[str]:
        """The words of the proposal that say who bears what."""
        fees, ground = self.order.fees, self.floor.ground
        words = [
            "--network-fee",
            fees.bearer.value,
            "--arbiter-fee",
            format_percent(fees.arbiter_bps),
        ]
        if fees.platform_bps:
            words += [
                "--platform-fee", format_percent(fees.platform_bps),
                "--platform-address", ground.address(Recipient.PLATFORM),
            ]  # fmt: skip
        if fees.bearer is NetworkFeeBearer.PAYER:
            words += ["--fee-allowance", format_xmr(ALLOWANCE)]
        return words

    def _settle(self) -> None:
        caller, share = self.order.caller, self.order.vendor_share
        other = Role.VENDOR if caller is Role.BUYER else Role.BUYER
        self._say(caller, State.FUNDED, lambda: self.seats[caller].settle(vendor_share=share))

        def has_offer() -> bool:
            case = self.floor.case(other, self.escrow_id)
            return case is not None and caller in case.record.offers

        self.floor.until(has_offer, f"the {other.value} hears the offer")
        self._do(lambda: self.seats[other].agree(vendor_share=share))

    def _is_asked(self) -> bool:
        case = self.floor.case(self.order.cosigner, self.escrow_id)
        return case is not None and asks_person(case.record, self.order.cosigner)

    def _say(self, role: Role, state: State, command: Callable[[], None]) -> None:
        """Run a party's command once its own agent knows that the escrow is so far."""
        self.floor.until(
            lambda: self.floor.stands(role, self.escrow_id) is state,
            f"the {role.value}'s agent knows that it is {state.value}",
        )
        self._do(command)

    def _do(self, command: Callable[[], None]) -> None:
        with self.floor.hands:
            command()

    def _until_told(self, state: State) -> None:
        self.floor.until(lambda: self.floor.state(self.escrow_id) is state, f"it is {state.value}")


def carry_out(floor: Floor, order: Order, part: str) -> Course:
    """One escrow from its proposal to its end; whatever goes wrong stands in the course."""
    trade = Trade(floor, order, part)
    return watched(
        trade,
        trade.propose,
        trade.accept,
        trade.wait_for_wallet,
        *(() if order.ending is Ending.CANCELLATION else (trade.fund,)),
        trade.decide,
        trade.finish,
    )


def watched(trade: Trade, *steps: Callable[[], None]) -> Course:
    """Take these steps; what came of them, whatever went wrong included."""
    try:
        for step in steps:
            step()
    except TripartiteError as error:
        return trade.course(f"{error.title()}: {error.detail[-_SHOWN:]}")
    except subprocess.TimeoutExpired as error:
        return trade.course(f"A command took longer than {error.timeout:.0f} s.")
    return trade.course()
