"""A payout that is stuck, on real daemons, under a clock that the story moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, cast

import pytest

from tests.functional.kit.patience import Patience
from tripartite.devnet.network import Devnet
from tripartite.domain.parties import Role


@pytest.fixture(scope="module")
def patience(devnet: Devnet) -> Iterator[Patience]:
    """The clock only ever goes forward here, so the stories that follow go on from where it is."""
    made = Patience(devnet, "patient")
    yield made
    made.stop()


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
