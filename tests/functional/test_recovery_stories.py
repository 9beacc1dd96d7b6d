"""A payout that is stuck, on real daemons, under a clock that the story moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

import pytest

from tests.functional.kit.market import Market
from tests.functional.kit.moved_clock import ENTRY, move
from tripartite.devnet import programs
from tripartite.devnet.api import Api
from tripartite.devnet.deals import Deal
from tripartite.devnet.network import Devnet
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret

WHY = "The vendor says that the wallet is back within the hour."


class Patience:
    """A community whose coordinator's clock the story moves, and its admin."""

    def __init__(self, devnet: Devnet) -> None:
        self.market = Market(devnet, devnet.another_community("patient"))
        coordinator = self.market.coordinator
        coordinator.stop()
        move(coordinator.directory, 0)
        coordinator.entry = ENTRY
        coordinator.start()
        password = coordinator.directory / "password"
        password.write_text("a horse, a battery, a staple")
        self.admin_does("create", "operator", "--password-file", str(password))
        self.token = Secret(self.admin_does("token", "operator").strip())

    def admin_does(self, *words: str) -> str:
        """What ``tripartite admin …`` prints on the server."""
        coordinator = self.market.coordinator
        done = programs.run(
            "admin", *words, directory=coordinator.directory, settings=coordinator.settings()
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def api(self) -> Api:
        return self.market.coordinator.api(self.token)

    def pass_until(self, hours: float) -> None:
        """The coordinator's clock is so many hours ahead."""
        move(self.market.coordinator.directory, hours)

    def cases(self) -> Sequence[Mapping[str, Any]]:
        with self.api() as api:
            body = api.get("/api/admin/recovery/list")
        return cast("Sequence[Mapping[str, Any]]", body["cases"])

    def retry(self, deal: Deal) -> Mapping[str, object]:
        with self.api() as api:
            path = f"/api/admin/recovery/{deal.escrow_id}/action"
            return api.post(path, {"action": "retry_transaction", "admin_notes": WHY})

    def has_raised(self, deal: Deal, role: Role, number: int) -> bool:
        """Whether somebody was told of this alarm and of each before it, once."""
        return self.stages(deal, role) == list(range(1, number + 1))

    def stages(self, deal: Deal, role: Role) -> list[int]:
        with self.market.parties[role].api() as api:
            events, _ = api.events()
        return [
            cast("Mapping[str, int]", one["data"])["stage"]
            for one in events
            if one["type"] == "TransactionStuck" and one["escrow_id"] == deal.escrow_id
        ]


@pytest.fixture(scope="module")
def patience(devnet: Devnet) -> Iterator[Patience]:
    """The clock only ever goes forward here, so the stories that follow go on from where it is."""
    made = Patience(devnet)
    yield made
    for party in made.market.parties.values():
        party.stop()
    made.market.coordinator.stop()


def test_a_release_whose_vendor_is_away_is_noticed_taken_up_and_finished(
    patience: Patience,
) -> None:
    """Four alarms, a case, a retry that nobody answers; then the vendor's wallet comes back."""
    market = patience.market
    deal = market.funded_deal()
    market.vendor.stop()
    deal.buyer.release()
    deal.until(
        lambda: deal.overview().waiting_on == ((Role.VENDOR, "export_info"),),
        what="the buyer's part of the payout",
    )
    for number, hours in enumerate((6.5, 12.5, 24.5, 48.5), start=1):
        patience.pass_until(hours)
        deal.until(partial(patience.has_raised, deal, Role.BUYER, number), what=f"alarm {number}")
    assert patience.stages(deal, Role.VENDOR) == [1, 2, 3, 4], "it reads them when it is back"
    (case,) = patience.cases()
    assert (case["escrow_id"], case["status"]) == (deal.escrow_id, "releasing_recovery_needed")
    assert case["waiting_on"] == [{"role": "vendor", "what": "export_info"}]
    assert deal.escrow_id in patience.admin_does("cases")

    report = cast("list[Mapping[str, str]]", patience.retry(deal)["report"])

    answers = {one["who"]: one["result"] for one in report}
    assert answers.keys() == {"chain", "buyer", "vendor"}
    assert answers["chain"] == "nothing_announced"
    deal.until(
        lambda: _answer(patience.cases()[0], "buyer") == "others_turn",
        what="the buyer's agent answers that it waits for the vendor",
    )

    market.vendor.start()
    deal.finish()

    assert deal.received(Role.VENDOR) == deal.amount - deal.payout_fee()
    deal.until(lambda: patience.cases() == [], what="the case is closed")
    with patience.api() as api:
        told = [str(one["type"]) for one in api.events()[0] if one["escrow_id"] == deal.escrow_id]
    assert told == [
        "TransactionStuck",
        "ManualRecoveryRequired",
        "RecoveryActionTaken",
        "RecoveryCaseClosed",
    ]
    with market.buyer.api() as api:
        shown = api.get(f"/api/escrow/{deal.escrow_id}")
    assert (shown["state"], shown["status"]) == ("completed", "completed")
    parties = cast("Mapping[str, Mapping[str, Mapping[str, object]]]", shown["parties"])
    assert parties["vendor"]["agent"]["online"] is True
    assert market.audit_is_intact()


def _answer(case: Mapping[str, Any], who: str) -> str:
    """What a part of the latest act answered."""
    report = cast("list[Mapping[str, str]]", case["actions"][-1]["report"])
    return next(one["result"] for one in report if one["who"] == who)
