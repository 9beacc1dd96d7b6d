"""English for what has only a name in code, and the sentences that the use cases make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tripartite.agent.arguing import ArgumentUnsound, EvidenceUnsound
from tripartite.agent.consent import EscrowUnknownHere, NotOpenToYou
from tripartite.agent.coordinator_client import (
    CoordinatorBusy,
    CoordinatorUnreachable,
    TokenNotAccepted,
)
from tripartite.agent.deciding import AddressMissing, NamesNotKnownYet
from tripartite.agent.decisions import ContactKeyChanged
from tripartite.agent.page.choices import TITLES
from tripartite.agent.page.pending import NotCompared, QuestionGone
from tripartite.agent.proposing import PartyNotPaired, ProposalMalformed
from tripartite.agent.resolving import MoveOffered, NothingOffered
from tripartite.agent.succession import MoveElsewhere
from tripartite.domain import naming
from tripartite.domain.addresses import (
    AddressChecksumWrong,
    AddressKeyInvalid,
    AddressMalformed,
    AddressOfWrongNetwork,
)
from tripartite.domain.errors import TripartiteError
from tripartite.domain.money import (
    AmountAboveSupply,
    AmountMalformed,
    AmountNotPositive,
    AmountTooPrecise,
)
from tripartite.domain.parties import Role
from tripartite.domain.rotation import ArbiterOffline
from tripartite.domain.settlement import FeeRuleInvalid, ShareOutOfRange
from tripartite.domain.succession import NothingToMove, SuccessorDiffers
from tripartite.domain.terms import TermsUnsound
from tripartite.protocol.succession import SuccessorNotReady

PHRASES: Final[Mapping[str, str]] = {
    "asks: accept_terms": "Read the terms, then accept or refuse them.",
    "asks: deposit": "Pay the deposit to the address shown here.",
    "asks: release": "If all is well with what you bought, release the money.",
    "asks: rule": "Read what was said, then rule.",
    "asks: agree": "The other side offers a split: agree to it, or not.",
    "asks: move": "Sign that the money is moved to the new arbiter's escrow.",
    "asks: carry_out": "The arbiter has ruled: sign the ruling, or not.",
    "asks: resume": "Your agent has stopped. Find out why before you go on.",
    "step: accept_terms": "read the terms, accept or refuse them",
    "step: sign_terms": "sign the terms",
    "step: key_exchange": "make a part of the wallet",
    "step: deposit": "pay the deposit",
    "step: release": "release the money",
    "step: rule": "rule",
    "step: move": "sign that the money is moved",
    "step: export_info": "prepare the payout",
    "step: build_payout": "build the payout",
    "step: cosign_payout": "check and sign the payout",
    "decided: propose": "propose the terms",
    "decided: accept": "accept the terms",
    "decided: release": "release the money",
    "decided: refund": "give the money back",
    "decided: cancel": "call it off",
    "decided: settle": "offer a split",
    "decided: agree": "agree to a split",
    "decided: dispute": "open a dispute",
    "decided: state": "make a statement",
    "decided: evidence": "show evidence",
    "decided: rule": "rule",
    "decided: carry_out": "sign the ruling",
    "decided: resume": "go on",
    "said: dispute": "reason for the dispute",
    "said: statement": "statement",
    "payout: release_signed": "The buyer releases",
    "payout: refund_signed": "The vendor gives it back",
    "payout: settlement_agreed": "Both agreed on a split",
    "payout: ruled_for_vendor": "The arbiter ruled for the vendor",
    "payout: ruled_for_buyer": "The arbiter ruled for the buyer",
    "payout: ruled_split": "The arbiter ruled a split",
    "payout: deposit_arrived_late": "Money that came late goes back",
    **{f"you are the {role.value}": f"you are the {role.value}" for role in Role},
    **{f"waits for the {role.value}": f"Waits for the {role.value}" for role in Role},
    **{f"opened by the {role.value}": f"Opened by the {role.value}" for role in Role},
    **{
        f"confirmed to me by the {role.value}": f"The {role.value} confirmed this to me, in person "
        "or by another channel"
        for role in Role
    },
    **{state.value: name for state, name in naming.STATES.items()},
}

# What ``consent``, ``endings`` and ``reading`` say, with {places} for names and amounts.
SPOKEN: Final = (
    "Propose this escrow over {amount} XMR as its {role}?",
    "Accept these terms as the {role}?",
    "Release the money to the vendor? This can't be taken back.",
    "Give all of the money back to the buyer? This can't be taken back.",
    "Call this escrow off, for all three?",
    "Go on with this escrow? Do so only if you know why it was frozen.",
    (
        "Offer {share} of {amount} XMR to the vendor, the rest to the buyer? If it is accepted, it is "
        "paid."
    ),
    (
        "Agree that the vendor gets {share} of {amount} XMR and the buyer the rest? This can't be "
        "taken back."
    ),
    "Call the arbiter, with this reason?",
    "Say this to the other two?",
    "Show these files to the other two?",
    "Rule so, and pay it out together with the {role}? You can replace a ruling until it is paid.",
    "Sign this ruling as the {role}, together with the arbiter? This can't be taken back.",
    "Nobody may pay to its address any more.",
    "The network's fee comes out of the vendor's part. It is not in the amounts above.",
    "The network's fee comes out of the buyer's money. It is not in the amounts above.",
    (
        "Vendor and buyer share the network's fee by what each receives. It is not in the amounts "
        "above."
    ),
    "A deadline only raises an alarm: no money ever moves because time has passed.",
    (
        "You will pay {amount} XMR to an address that your own agent shows once all three have "
        "attested it. Take it from nowhere else."
    ),
    "You pay nothing in.",
    "Nobody pays in: the money is moved here once buyer and vendor have both signed that.",
    "What the move leaves over goes back to the buyer with the payout.",
    (
        "Move all of the money to the new escrow, with its arbiter? It is moved when buyer and vendor "
        "have both signed."
    ),
    "The network's fee of the move comes out of what is moved.",
    "The arbiter so far has no part in it any more, and earns nothing.",
    "Statements and evidence don't go along: show them to the new arbiter again.",
    "The reason is sealed: the other two can read it, the coordinator can't.",
    "A ruling costs {fee} of what is ruled on, for the arbiter.",
    "You can still settle with the other side, and save that.",
    "It is sealed to the other two, and can't be taken back.",
    "They are sealed to the other two, and can't be taken back.",
    "The arbiter's fee is taken off first; the rest is divided.",
    "After {days} days without a word a person is called. No money moves by time.",
    "escrow",
    "network",
    "what is traded",
    "(not said)",
    "amount",
    "buyer pays in",
    "moved here",
    "moved to",
    "from escrow",
    "amount so far",
    "arbiter's fee so far",
    "confirmations",
    "arbiter's fee",
    "{fee} of what is ruled on",
    "platform's fee",
    "{fee} of the vendor's part",
    "platform's address",
    *(f"{role.value} is paid at" for role in Role),
    "in the wallet",
    "{amount} XMR confirmed",
    "{amount} XMR not confirmed yet",
    "your reason",
    "you say",
    "ruling",
    "{vendor} % to the vendor, {buyer} % to the buyer",
    "frozen because",
    "released",
    "release",
    "refund",
    "refunded",
    "settled",
    "ruled",
    "ruled for the vendor",
    "ruled for the buyer",
    "fingerprint compared",
    "seen before",
    *TITLES.values(),
    "Propose an escrow",
)

MET: Final[tuple[type[TripartiteError], ...]] = (
    AmountMalformed,
    AmountTooPrecise,
    AmountNotPositive,
    AmountAboveSupply,
    AddressMalformed,
    AddressChecksumWrong,
    AddressOfWrongNetwork,
    AddressKeyInvalid,
    FeeRuleInvalid,
    ShareOutOfRange,
    TermsUnsound,
    ProposalMalformed,
    PartyNotPaired,
    NamesNotKnownYet,
    EscrowUnknownHere,
    NotOpenToYou,
    NothingOffered,
    AddressMissing,
    ArbiterOffline,
    MoveElsewhere,
    MoveOffered,
    NothingToMove,
    SuccessorDiffers,
    SuccessorNotReady,
    ArgumentUnsound,
    EvidenceUnsound,
    ContactKeyChanged,
    CoordinatorUnreachable,
    CoordinatorBusy,
    TokenNotAccepted,
    QuestionGone,
    NotCompared,
)
"""Errors that somebody at a page is likely to meet; others are shown in English.

Their titles and what is said with them are collected from where they are raised.
"""
