"""What states, steps and events are called on pages: one table each, nothing decided here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tripartite.domain import naming
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role

Text = str | Promise

ROLES: Final[Mapping[Role, Text]] = {role: _(role.value) for role in Role}
STATES: Final[Mapping[State, Text]] = {state: _(name) for state, name in naming.STATES.items()}
MEANINGS: Final[Mapping[State, Text]] = {state: _(state.meaning) for state in State}

NEXT: Final[Mapping[State, Text]] = {
    State.CREATED: _("When all three have signed, their agents make the wallet."),
    State.ACCEPTED: _("Their agents make the wallet by themselves."),
    State.KEYING: _("Then the deposit address is shown, and the buyer pays in."),
    State.AWAITING_DEPOSIT: _(
        "When the wallets of buyer and vendor have both seen it confirmed, goods can go out."
    ),
    State.FUNDED: _("The vendor delivers. The buyer releases, or the two settle or dispute."),
    State.RELEASING: _("It is final when the transaction has enough confirmations."),
    State.REFUNDING: _("It is final when the transaction has enough confirmations."),
    State.SETTLING: _("It is final when the transaction has enough confirmations."),
    State.DISPUTED: _("The arbiter rules. Until then the two can still settle."),
    State.COMPLETED: _("Nothing more happens."),
    State.REFUNDED: _("Nothing more happens."),
    State.SETTLED: _("Nothing more happens."),
    State.CANCELLED: _("Nothing more happens. Nobody may pay to its address."),
}

# What ``protocol.next_step.waiting_on`` can name: what you read, and what the two others read.
YOUR_TURN: Final[Mapping[str, Text]] = {
    "accept_terms": _("Read the terms on your agent, then accept or refuse them."),
    "sign_terms": _("Your agent signs the terms by itself, as soon as it runs."),
    "key_exchange": _("Your agent makes its part of the wallet by itself, as soon as it runs."),
    "deposit": _("Pay the deposit. Compare the address with your own agent first."),
    "move": _("Sign on your agent that the money is moved to the new arbiter's escrow."),
    "release": _("If all is well with what you bought, release the money on your agent."),
    "rule": _("Read what was said on your agent, then rule."),
    "export_info": _("Your agent prepares the payout by itself, as soon as it runs."),
    "build_payout": _("Your agent builds the payout by itself, as soon as it runs."),
    "cosign_payout": _("Your agent checks and signs the payout, unless it has to ask you first."),
}
# Of these, what a person's agent does without them.
BY_ITSELF: Final = frozenset({"sign_terms", "key_exchange", "export_info", "build_payout"})
THEIR_TURN: Final[Mapping[str, Text]] = {
    "accept_terms": _("read the terms and accept or refuse them"),
    "sign_terms": _("sign the terms (the agent does it)"),
    "key_exchange": _("make a part of the wallet (the agent does it)"),
    "deposit": _("pay the deposit"),
    "move": _("sign that the money is moved to the new arbiter's escrow"),
    "release": _("release the money, if all is well"),
    "rule": _("rule"),
    "export_info": _("prepare the payout (the agent does it)"),
    "build_payout": _("build the payout (the agent does it)"),
    "cosign_payout": _("check and sign the payout (the agent does it)"),
}

# Kinds of signed messages, as the timeline tells them.
KINDS: Final[Mapping[str, Text]] = {
    "propose": _("proposed the terms"),
    "accept": _("accepted the terms"),
    "sign_terms": _("signed the contract"),
    "key_exchange": _("took part in making the wallet"),
    "attest": _("attested the deposit address"),
    "key_exchange_restart": _("had the wallet made anew"),
    "deposit_report": _("reported what is in the wallet"),
    "release": _("released the money"),
    "refund": _("gave the money back"),
    "settlement_offer": _("offered a split, or a move"),
    "settlement_accept": _("agreed to what the other offered"),
    "dispute": _("opened a dispute"),
    "statement": _("made a statement"),
    "evidence": _("showed evidence"),
    "ruling": _("ruled"),
    "payout_info": _("prepared the payout"),
    "payout_txset": _("built and signed the payout"),
    "payout_broadcast": _("sent the payout to the network"),
    "payout_restart": _("had the payout built anew"),
    "payout_seen": _("reported a payout"),
    "cancel": _("called the escrow off"),
}

# What a party can do on its own agent, by the verb of ``domain.lifecycle``.
VERBS: Final[Mapping[str, Text]] = {verb: _(name) for verb, name in naming.DECISIONS.items()}

# What a party whose wallet is attached can click here, by ``wallets.words.Click``.
CLICKS: Final[Mapping[str, Text]] = {
    **VERBS,
    "accept": _("Accept the terms"),
    "state": _("Make a statement"),
    "evidence": _("Show evidence"),
    "resume": _("Go on with a frozen escrow"),
    "propose": _("Propose an escrow"),
    "replace": _("Propose another arbiter"),
    "move": _("Move the money to the new arbiter's escrow"),
}

# What is different in ``YOUR_TURN`` for them.
ATTACHED_TURN: Final[Mapping[str, Text]] = {
    "move": _("Sign that the money is moved to the new arbiter's escrow."),
    "accept_terms": _("Read the terms, then accept or refuse them."),
    "deposit": _("Pay the deposit to the address shown here."),
    "release": _("If all is well with what you bought, release the money."),
    "rule": _("Read what was said, then rule."),
}

# What an admin can do about a case, by ``recovery.actions.Kind``.
ACTS: Final[Mapping[str, Text]] = {
    "retry_transaction": _("Try again: chain, network and agents are asked"),
    "contact_arbiter": _("Call the arbiter"),
    "mark_investigated": _("Note that somebody looks at it; no alarm for a while"),
    "escalate_governance": _("Ask a panel of arbiters for a recommendation"),
}
