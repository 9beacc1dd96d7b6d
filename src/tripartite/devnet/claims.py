"""What each process knew and did not know of an escrow: looked up, not asserted.

Everything a process keeps is searched (``searching``), the way somebody would who stole its disk.
The claims are those of the design: the coordinator knows who, how much, when, which address and
which payout; it can't know keys, payout addresses, or what is traded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tripartite.devnet.deals import Deal
from tripartite.devnet.searching import files_named, known

# How every key exchange message of Monero's wallets begins: unsealed, it would stand there.
_KEY_EXCHANGE: Final = "MultisigxV"


@dataclass(frozen=True, slots=True)
class Claim:
    """Whether a process knows a fact: as it should be, and as it was found."""

    process: str
    fact: str
    should_know: bool
    knows: bool

    @property
    def holds(self) -> bool:
        """Whether it is as it should be."""
        return self.should_know is self.knows

    @property
    def complaint(self) -> str:
        """What is wrong, if it doesn't hold."""
        knows = "knows" if self.knows else "doesn't know"
        return f"{self.process} {knows} {self.fact}"

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "process": self.process,
            "fact": self.fact,
            "should_know": self.should_know,
            "knows": self.knows,
        }


def check_claims(deal: Deal) -> tuple[Claim, ...]:
    """Search everything for everything. The deal has been paid out."""
    return (*_of_coordinator(deal), *_of_agents(deal), *_of_monerod(deal))


def _open_facts(deal: Deal) -> dict[str, str]:
    """What the coordinator needs, to carry messages and to watch."""
    who = {f"who the {role.value} is": seat.party.name for role, seat in deal.seats.items()}
    return {
        **who,
        "the amount": str(deal.amount),
        "the deposit address": deal.address,
        "the payout's transaction": deal.txid,
    }


def _secret_facts(deal: Deal) -> dict[str, str]:
    """What is the parties' own business."""
    where = {
        f"where the {role.value} is paid": seat.party.address for role, seat in deal.seats.items()
    }
    return {**where, "what is traded": deal.subject, "key exchange messages": _KEY_EXCHANGE}


def _of_coordinator(deal: Deal) -> list[Claim]:
    directory = deal.community.coordinator.directory
    return [
        *_searched("coordinator", directory, _open_facts(deal), should_know=True),
        *_searched("coordinator", directory, _secret_facts(deal), should_know=False),
        Claim(
            "coordinator",
            "wallet keys",
            should_know=False,
            knows=bool(files_named(directory, "*.keys")),
        ),
    ]


def _of_agents(deal: Deal) -> list[Claim]:
    claims: list[Claim] = []
    for role, seat in deal.seats.items():
        process = f"{role.value}'s agent"
        # Tables break long lines: compared without the white space.
        told = "".join(seat.shown.split())
        home = seat.party.directory
        claims += [
            Claim(
                process,
                "what is traded",
                should_know=True,
                knows="".join(deal.subject.split()) in told,
            ),
            Claim(
                process,
                "a wallet key of its own",
                should_know=True,
                knows=bool(files_named(home, "*.keys")),
            ),
            # On its disk all of this is sealed, for whoever takes the disk without the key.
            *_searched(f"{process}'s disk", home, _secret_facts(deal), should_know=False),
        ]
    return claims


def _of_monerod(deal: Deal) -> list[Claim]:
    directory = deal.devnet.directory / "monerod"
    mined = deal.devnet.chain.transaction(deal.txid)
    names = {f"who the {role.value} is": seat.party.name for role, seat in deal.seats.items()}
    hidden = {
        **names,
        **_secret_facts(deal),
        "the amount": str(deal.amount),
        "the deposit address": deal.address,
    }
    return [
        Claim(
            "monerod",
            "the payout's transaction",
            should_know=True,
            knows=mined is not None and not mined.in_pool,
        ),
        *_searched("monerod", directory, hidden, should_know=False),
    ]


def _searched(
    process: str, directory: Path, facts: Mapping[str, str], *, should_know: bool
) -> list[Claim]:
    found = known(directory, facts)
    return [Claim(process, fact, should_know, fact in found) for fact in facts]
