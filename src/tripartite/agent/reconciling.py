"""One escrow, level-triggered: look at what is on record, do the next thing, until it is quiet.

Never two threads on one escrow (``scheduling`` sees to that). Everything that may have changed
meanwhile is looked at again before a message is signed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final

import structlog

from tripartite.agent import asked_looks
from tripartite.agent.agreeing import own_part, proposal_body, say_decision, sign_terms
from tripartite.agent.broadcasts import look_at_broadcasts
from tripartite.agent.consulting import consult
from tripartite.agent.crossing import is_overtaken
from tripartite.agent.decisions import DONE, Decision, Intent
from tripartite.agent.desk import Desk, Later, Outcome, Seen
from tripartite.agent.doctor import Finding
from tripartite.agent.journal import Freeze, Outgoing, StoredCase
from tripartite.agent.keying import exchange_keys
from tripartite.agent.looking import Looks
from tripartite.agent.offline.taking import BY_FILES
from tripartite.agent.paying import build_payout, cosign_payout, export_info
from tripartite.agent.speaking import Refusal, Say, Speaker
from tripartite.agent.stalling import STALLED_SECONDS, Stalls
from tripartite.agent.telling import (
    escrows_by_files,
    escrows_spent,
    tell_of_files,
    tell_of_spent,
)
from tripartite.agent.watching import watch_deposit, watch_payout
from tripartite.domain.errors import Refused, Tampered, Unavailable
from tripartite.protocol.agreement import Agreement
from tripartite.protocol.next_step import (
    AcceptTerms,
    BuildPayout,
    CosignPayout,
    Doing,
    ExportInfo,
    KeyExchange,
    SignTerms,
    WatchDeposit,
    WatchPayout,
    next_step,
    step_name,
)

_GAP_SECONDS: Final = 0.3
"""How long a message that others were faster with may take to arrive by itself."""
_FAILURES_UNTIL_DOCTOR: Final = 3
_MOST_STEPS: Final = 64
"""In one go; a set-up takes four. More means that something turns in circles."""


class EscrowNotKnownYet(Refused):
    """This agent hasn't heard of the escrow."""

    code: ClassVar[str] = "escrow_not_known_yet"


@dataclass(frozen=True, slots=True)
class _Moved:
    """Something was done: look again at once."""


_MOVED: Final = _Moved()

_SOON: Final = 2.0
"""Seconds until a look that a person waits for is tried again."""


class Reconciler:
    """The loop over one escrow at a time."""

    def __init__(
        self,
        desk: Desk,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        doctor: Callable[[StoredCase], tuple[Finding, ...]] | None = None,
    ) -> None:
        """``doctor`` is asked about a payout that doesn't move, before a human is called."""
        self._desk = desk
        self._doctor = doctor
        self._speaker = Speaker(
            desk.identity, desk.journal, desk.cases, desk.coordinator, at=desk.at
        )
        self._monotonic = monotonic
        self._log = structlog.get_logger()
        self._failures: dict[str, int] = {}
        self._stalls = Stalls(monotonic)
        self._looks = Looks(desk.pace, monotonic)
        self._spent: set[str] = set()
        self._gaps: dict[str, float] = {}

    def look_now(self, escrow_id: str) -> None:
        """Don't wait for the next look at the chain."""
        self._looks.forget(escrow_id)

    def asked(self) -> set[str]:
        """The escrows that a person wants looked at; they are, when they are next woken."""
        found = asked_looks.asked(self._desk.journal)
        for escrow_id in found:
            self._looks.forget(escrow_id)
        return found

    def stir(self, *, block: bool) -> set[str]:
        """The own node shows another block, or pool; the escrows that are to be looked at now."""
        woken = self._looks.stir(block=block)
        if block:
            self._spent = escrows_spent(self._desk.journal, self._desk.node)
            woken |= self._spent | escrows_by_files(self._desk.journal)
        return woken

    def try_again(self, escrow_id: str) -> None:
        """Forget what failed before and how long to wait for it."""
        self._looks.forget(escrow_id)
        self._stalls.forget(escrow_id)
        self._failures.pop(escrow_id, None)

    def reconcile(self, escrow_id: str) -> float | None:
        """Do what is to be done; seconds until it should be called again, None if news will come.

        Every error of ours is dealt with here; any other is a bug and ends the process.
        """
        try:
            pause = self._until_quiet(escrow_id)
        except Unavailable as error:
            count = self._failures[escrow_id] = self._failures.get(escrow_id, 0) + 1
            pace = self._desk.pace
            wait = min(pace.first_retry * (1 << min(count - 1, 16)), pace.longest_retry)
            self._log.warning("step_unavailable", code=error.code, failures=count)
            if count == _FAILURES_UNTIL_DOCTOR:
                self._ask_doctor(escrow_id, error.code)
            return wait * random.uniform(0.75, 1.25)  # noqa: S311 — jitter, no secret
        except (Refused, Tampered) as error:
            return self._stop(escrow_id, error)
        self._failures.pop(escrow_id, None)
        return pause

    def work(self, escrow_id: str) -> float | None:
        """As ``reconcile``, once, with all errors left to the caller."""
        return self._until_quiet(escrow_id)

    def _until_quiet(self, escrow_id: str) -> float | None:
        for _ in range(_MOST_STEPS):
            pause = self._once(escrow_id)
            if not isinstance(pause, _Moved):
                return pause
        return self._desk.pace.first_retry

    def _once(self, escrow_id: str) -> float | _Moved | None:
        desk = self._desk
        case = desk.cases.get(escrow_id)
        if case is not None and desk.cases.awaits_end(escrow_id):
            # The others speak of what comes after the end: see whether the own node shows it.
            outcome = look_at_broadcasts(desk, case)
            if not isinstance(outcome, Seen):
                return desk.pace.confirming
            desk.cases.observe(escrow_id, outcome.event)
            return _MOVED
        if self._catch_up(escrow_id, case):
            return _MOVED
        waiting = desk.journal.unanswered(escrow_id)
        if waiting is not None and (case is None or case.frozen is None):
            refusal = self._speaker.deliver(waiting)
            if refusal is not None:
                self._refused(escrow_id, case, refusal, waiting)
            return _MOVED
        if desk.cases.is_behind(escrow_id):
            return _GAP_SECONDS
        # What was missing may have come by now; before that, the next step looks like the last.
        case = desk.cases.get(escrow_id)
        frozen = case is not None and case.frozen is not None
        intent = desk.decisions.next_intent(escrow_id, frozen=frozen)
        if intent is not None:
            return self._decided(escrow_id, case, intent)
        if case is not None and case.frozen is not None and case.frozen.code == BY_FILES:
            tell_of_files(desk, case)
            return None
        if case is None or frozen:
            return None
        self._name_parties(case)
        if escrow_id in self._spent:
            self._spent.discard(escrow_id)
            say = tell_of_spent(desk, case)
            if say is not None:
                self._deliver(case, say)
                return _MOVED
        return self._step(case)

    def _deliver(self, case: StoredCase, say: Say) -> None:
        outgoing = self._speaker.write(case, say)
        refusal = self._speaker.deliver(outgoing)
        if refusal is not None:
            self._refused(case.escrow_id, case, refusal, outgoing)

    def _catch_up(self, escrow_id: str, case: StoredCase | None) -> bool:
        """Fetch what is missing, if it hasn't come by itself after a moment."""
        desk = self._desk
        if not desk.cases.is_behind(escrow_id):
            self._gaps.pop(escrow_id, None)
            return False
        now = self._monotonic()
        since = self._gaps.setdefault(escrow_id, now)
        known = case is not None and case.position > 0
        if known and now - since < _GAP_SECONDS:
            return False
        after = case.position if case else 0
        desk.cases.caught_up(escrow_id, desk.coordinator.messages(escrow_id, after=after))
        self._gaps.pop(escrow_id, None)
        self._log.info("caught_up")
        return not desk.cases.is_behind(escrow_id)

    def _step(self, case: StoredCase) -> float | _Moved | None:
        step = next_step(case.record, case.role)
        if step is None:
            self._looks.forget(case.escrow_id)
            return None
        left = self._left(case, step)
        if left > 0:
            return left
        began, moment = self._monotonic(), self._looks.now()
        outcome = self._act(case, step)
        watching = isinstance(step, WatchDeposit | WatchPayout)
        put_off = isinstance(outcome, Later) and not outcome.looked
        if watching and not put_off:
            asked_looks.looked(self._desk.journal, case.escrow_id)
        match outcome:
            case None:
                return None
            case Later(seconds, looked=True):
                return self._looks.made(case, step, moment, seconds) if watching else seconds
            case Later(seconds):
                asked = watching and asked_looks.is_asked(self._desk.journal, case.escrow_id)
                return min(seconds, _SOON) if asked else seconds
            case Seen(event):
                self._desk.cases.observe(case.escrow_id, event)
                self._log.info("seen", kind=event.value)
                return _MOVED
            case Say():
                self._said(case, step, outcome, began)
                return _MOVED

    def _left(self, case: StoredCase, step: Doing) -> float:
        """Seconds that this step has to wait, after a refusal or since the last look."""
        return max(self._stalls.left(case, step), self._looks.left(case, step))

    def _said(self, before: StoredCase, step: Doing, say: Say, began: float) -> None:
        """Say it, unless the others went on meanwhile (a restart, a cancellation)."""
        case = self._desk.cases.get(before.escrow_id)
        assert case is not None
        if case.frozen is not None or next_step(case.record, case.role) != step:
            return
        self._deliver(case, say)
        self._log.info(
            "said",
            step=step_name(step),
            kind=say.kind.value,
            round=int(say.round),
            reason=say.body.get("reason"),
            seconds=round(self._monotonic() - began, 3),
        )

    def _act(self, case: StoredCase, step: Doing) -> Outcome:
        desk = self._desk
        match step:
            case AcceptTerms():
                return None
            case SignTerms():
                return sign_terms(desk, case)
            case KeyExchange():
                return exchange_keys(desk, case, step)
            case WatchDeposit():
                return watch_deposit(desk, case)
            case WatchPayout():
                return watch_payout(desk, case)
            case ExportInfo() | BuildPayout() | CosignPayout():
                # What may still be mined comes before what would be built anew.
                return look_at_broadcasts(desk, case) or self._pay(case, step)

    def _pay(self, case: StoredCase, step: ExportInfo | BuildPayout | CosignPayout) -> Outcome:
        match step:
            case ExportInfo():
                return export_info(self._desk, case, step.attempt)
            case BuildPayout():
                return build_payout(self._desk, case, step.attempt)
            case CosignPayout():
                return cosign_payout(self._desk, case, step.attempt)

    def _decided(
        self, escrow_id: str, case: StoredCase | None, intent: Intent
    ) -> float | _Moved | None:
        """Say what a human decided; a decision that can't be said is settled with the reason."""
        desk = self._desk
        refusal: Refusal | None = None
        try:
            if intent.decision is Decision.RESUME:
                self._resume(escrow_id, case)
                desk.decisions.settle(intent.id)
            elif intent.decision is Decision.CARRY_OUT:
                self._stalls.forget(escrow_id)
                desk.decisions.settle(intent.id)
            elif intent.decision is Decision.PROPOSE:
                refusal = self._propose(escrow_id, intent)
            elif case is None:
                raise EscrowNotKnownYet("Wait until the coordinator has forwarded the proposal.")
            else:
                say = say_decision(desk, case, intent)
                refusal = self._speaker.deliver(self._speaker.write(case, say))
        except (Refused, Tampered) as error:
            desk.decisions.settle(intent.id, error.code)
            self._log.error("decision_failed", kind=intent.decision.value, code=error.code)
            if isinstance(error, Tampered):
                raise
            desk.journal.alarm(escrow_id, None, Freeze(error.code, error.detail))
            return _MOVED
        if refusal is not None:
            desk.decisions.settle(intent.id, refusal.code)
            self._refused(escrow_id, None, refusal)
        self._log.info("decided", kind=intent.decision.value)
        return _MOVED

    def _resume(self, escrow_id: str, case: StoredCase | None) -> None:
        """A human has looked: fetch what was left out since, and judge it again."""
        desk = self._desk
        self._stalls.forget(escrow_id)
        desk.cases.resume(escrow_id)
        after = case.position if case else 0
        desk.cases.caught_up(escrow_id, desk.coordinator.messages(escrow_id, after=after))

    def _propose(self, escrow_id: str, intent: Intent) -> Refusal | None:
        desk = self._desk
        agreement = Agreement.from_json(intent.content["terms"])
        part = own_part(intent)

        def store() -> None:
            desk.decisions.save_own_part(escrow_id, part)
            desk.decisions.settle(intent.id, DONE)

        role, body = proposal_body(agreement, part)
        return self._speaker.deliver(self._speaker.write_proposal(escrow_id, role, body, store))

    def _name_parties(self, case: StoredCase) -> None:
        """Ask once who the parties are, and compare with the contacts.

        Raises ``ContactKeyChanged``.
        """
        if case.names:
            return
        names = self._desk.coordinator.names(case.escrow_id)
        for role, account in names.items():
            if role is not case.role:
                self._desk.decisions.check(account, case.record.parties[role])
        self._desk.cases.name(case.escrow_id, names)

    def _refused(
        self, escrow_id: str, case: StoredCase | None, refusal: Refusal, out: Outgoing | None = None
    ) -> None:
        """The number is used up; the step waits for news. Words that just crossed are no alarm."""
        if case is not None and out is not None and is_overtaken(self._desk, case, out):
            self._log.info("message_overtaken", code=refusal.code)
            return
        self._log.error("message_refused", code=refusal.code)
        self._desk.journal.alarm(
            escrow_id, None, Freeze("message_refused", f"The coordinator said {refusal.code}.")
        )
        if case is not None:
            self._stalls.stall(case)

    def _stop(self, escrow_id: str, error: Refused | Tampered) -> float | None:
        """Seconds until this is looked at again; None after tampering, until a human has looked."""
        case = self._desk.cases.get(escrow_id)
        self._log.error("step_refused", code=error.code)
        if isinstance(error, Tampered):
            self._desk.cases.freeze(escrow_id, error, position=None)
            return None
        if case is None or self._stalls.stall(case):
            self._desk.journal.alarm(escrow_id, None, Freeze(error.code, error.detail))
            if self._ask_doctor(escrow_id, error.code):
                return 0.0
        return STALLED_SECONDS

    def _ask_doctor(self, escrow_id: str, code: str) -> bool:
        case = self._desk.cases.get(escrow_id)
        if self._doctor is None or case is None or case.frozen or case.record.payout is None:
            return False
        return consult(self._desk, self._speaker, self._doctor, case, code)
