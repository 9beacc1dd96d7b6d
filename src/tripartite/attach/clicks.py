"""A party's clicks become decisions of its agent, each once."""

from __future__ import annotations

from typing import ClassVar

from tripartite.agent import arguing, proposing, replacing, resolving
from tripartite.agent import deciding as agent_deciding
from tripartite.agent.deciding import Choice
from tripartite.agent.decisions import Decision, Decisions
from tripartite.agent.home import OpenHome
from tripartite.agent.proposing import Directory, Draft
from tripartite.agent.resolving import OtherThanExpected
from tripartite.coordinator.wallets.deciding import read_content
from tripartite.coordinator.wallets.errors import WordsMissing
from tripartite.coordinator.wallets.models import AttachedDecision
from tripartite.coordinator.wallets.words import Click, Content, read_file
from tripartite.coordinator.work.queue import Lease, fenced
from tripartite.domain.errors import Refused, Tampered
from tripartite.domain.parties import Role
from tripartite.domain.percentages import parse_percent
from tripartite.domain.settlement import FeeRule, NetworkFeeBearer

_CLICK = "click/"
_ANSWERS = {
    Click.RELEASE: Decision.RELEASE,
    Click.REFUND: Decision.REFUND,
    Click.CANCEL: Decision.CANCEL,
    Click.RESUME: Decision.RESUME,
}


class DecisionForgotten(Refused):
    """The agent took this decision, and its journal is older than that now."""

    code: ClassVar[str] = "decision_forgotten"


def take_clicks(
    opened: OpenHome, escrow_id: str, role: Role, directory: Directory, lease: Lease
) -> bool:
    """Write new clicks into the agent's journal, and empty them here; whether there were any.

    One that can't be decided gets the error's code as its outcome. Raises ``LeaseLost``, and an
    ``Unavailable`` if it can't be judged yet.
    """
    taken = 0
    for row in _waiting(escrow_id, role):
        known = opened.journal.setting(_CLICK + row.id) is not None
        try:
            if not known:
                _take(opened, row, directory)
                taken += 1
        except (Refused, Tampered) as error:
            _answer(row, error.code, lease)
        else:
            # In the journal, sealed by the home's own key: from here the words go away.
            _empty(row, lease)
    return taken > 0


def _take(opened: OpenHome, row: AttachedDecision, directory: Directory) -> None:
    if not row.content:
        raise DecisionForgotten("An old copy of TRIPARTITE_ATTACH_DIR was put back: decide again.")
    content = read_content(row)
    with opened.journal.commit():
        number = _decide(opened, row, content, directory)
        opened.journal.set_setting(_CLICK + row.id, str(number))


def answer_clicks(opened: OpenHome, escrow_id: str, role: Role, lease: Lease) -> None:
    """Tell what became of the clicks that the agent has said. Raises ``LeaseLost``."""
    decisions = Decisions(opened.journal)
    for row in _waiting(escrow_id, role):
        number = opened.journal.setting(_CLICK + row.id)
        outcome = None if number is None else decisions.intent(int(number)).outcome
        if outcome is not None:
            _answer(row, outcome, lease)


def _waiting(escrow_id: str, role: Role) -> list[AttachedDecision]:
    rows = AttachedDecision.objects.filter(escrow_id=escrow_id, role=role.value, outcome="")
    return list(rows.order_by("decided_at", "id"))


def _decide(opened: OpenHome, row: AttachedDecision, content: Content, directory: Directory) -> int:
    escrow_id, click = row.escrow_id, Click(row.decision)
    if click is Click.PROPOSE:
        return _propose(opened, escrow_id, Role(row.role), content, directory)
    if click is Click.REPLACE:
        return _replace(opened, escrow_id, content, directory)
    if click is Click.EVIDENCE:
        parts = arguing.parts_of(content.get("file_name", ""), read_file(content["file_data"]))
        return resolving.store(opened, resolving.exhibit(opened, escrow_id, parts), parts)
    choice = _choice(opened, escrow_id, click, content)
    return agent_deciding.decide(opened, choice, frozenset())


def _choice(opened: OpenHome, escrow_id: str, click: Click, content: Content) -> Choice:
    """What the agent makes of a click; it judges it as one typed at its own command line."""
    match click:
        case Click.ACCEPT:
            return agent_deciding.accept(opened, escrow_id, content.get("payout_address", ""))
        case Click.SETTLE:
            return resolving.offer(opened, escrow_id, _required(_share(content), "vendor_share"))
        case Click.AGREE:
            return _agreed(opened, escrow_id, content)
        case Click.MOVE:
            choice = resolving.move(opened, escrow_id)
            to, address = content.get("successor", ""), content.get("successor_address", "")
            resolving.expect_move(choice, to, address)
            return choice
        case Click.DISPUTE:
            return resolving.dispute(opened, escrow_id, content.get("text", ""))
        case Click.STATE:
            return resolving.state(opened, escrow_id, content.get("text", ""))
        case Click.RULE:
            bps = _required(_bps(content), "vendor_bps")
            return resolving.rule(opened, escrow_id, bps, None)
        case _:
            return agent_deciding.choose(opened, escrow_id, _ANSWERS[click])


def _agreed(opened: OpenHome, escrow_id: str, content: Content) -> Choice:
    share, bps = _share(content), _bps(content)
    choice = resolving.agree(opened, escrow_id, ruling=bps is not None)
    resolving.expect(choice, vendor_share=share, vendor_bps=bps)
    return choice


def _required(value: int | None, name: str) -> int:
    if value is None:
        raise WordsMissing(f"Say {name}.")
    return value


def _share(content: Content) -> int | None:
    return int(content["vendor_share"]) if "vendor_share" in content else None


def _bps(content: Content) -> int | None:
    return int(content["vendor_bps"]) if "vendor_bps" in content else None


def _propose(
    opened: OpenHome, escrow_id: str, role: Role, content: Content, directory: Directory
) -> int:
    other = Role.VENDOR if role is Role.BUYER else Role.BUYER
    draft = Draft(
        role=role,
        others={other: content["counterparty"], Role.ARBITER: content["arbiter"]},
        amount=int(content["amount"]),
        allowance=0,
        fees=FeeRule(
            NetworkFeeBearer(content.get("network_fee", NetworkFeeBearer.PAYEE)),
            parse_percent(content["arbiter_fee_percent"]),
            0,
        ),
        subject=content["subject"],
    )
    proposal = proposing.prepare(
        opened, draft, content["payout_address"], directory, escrow_id=escrow_id
    )
    proposing.decide(opened, proposal, frozenset())
    return Decisions(opened.journal).intents(escrow_id, Decision.PROPOSE)[-1].id


def _replace(opened: OpenHome, escrow_id: str, content: Content, directory: Directory) -> int:
    """Another arbiter: an escrow that takes over the money, proposed by the same agent."""
    proposal = replacing.prepare(
        opened,
        escrow_id,
        arbiter=content["arbiter"],
        arbiter_bps=int(content["arbiter_bps"]),
        directory=directory,
    )
    amount = str(proposal.agreement.terms.amount)
    if content.get("amount", amount) != amount:
        raise OtherThanExpected("Another amount is sure to arrive by now: look at it again.")
    proposing.decide(opened, proposal, frozenset())
    return Decisions(opened.journal).intents(proposal.escrow_id, Decision.PROPOSE)[-1].id


def _empty(row: AttachedDecision, lease: Lease) -> None:
    if row.content:
        row.content = b""
        with fenced(lease):
            row.save(update_fields=["content"])


def _answer(row: AttachedDecision, outcome: str, lease: Lease) -> None:
    row.outcome, row.content = outcome, b""
    with fenced(lease):
        row.save(update_fields=["outcome", "content"])
