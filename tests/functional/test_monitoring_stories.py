"""What operators can see of a whole escrow on real daemons: figures, and nobody's business."""

from __future__ import annotations

from tests.contract.scraping import scrape, until_scraped
from tests.functional.kit.leaks import is_kept, leaks
from tests.functional.kit.market import Market

# No other number has these digits.
RECOGNISABLE = 2_718_281_828_459


def test_an_escrow_moves_the_figures_and_leaves_no_trace_of_itself(market: Market) -> None:
    """Canaries: ids, amounts, addresses, names, keys, in every log and every metric."""
    before = scrape(market.coordinator.metrics_url)
    deal = market.funded_deal(amount=RECOGNISABLE)
    with market.coordinator.api(market.buyer.token) as api:
        # Refused, and refused in ways that name the escrow.
        assert api.ask("GET", f"/api/escrow/{deal.escrow_id}/nothing").status == 404
        assert api.ask("POST", f"/api/escrow/{deal.escrow_id}/messages", {}).status == 422
    deal.buyer.release()
    deal.finish()

    page = until_scraped(
        market.coordinator.metrics_url,
        lambda page: page.value("funds_released_total") > before.value("funds_released_total"),
    )
    assert page.value("monerod_synchronized") == 1
    assert page.value("rpc_latency_seconds_count") > before.value("rpc_latency_seconds_count")
    for name in ("multisig_setup_duration_seconds", "multisig_sync_duration_seconds"):
        assert page.value(f"{name}_count") > before.value(f"{name}_count")
        assert page.value(f"{name}_sum") > before.value(f"{name}_sum")
    assert is_kept(market, deal), "what is looked for can be found where it belongs"
    assert leaks(market, deal, {}) == []

    # And that it is looked for: one careless line is found.
    careless = market.vendor.directory / "careless.log"
    careless.write_text(f'{{"event": "work_failed", "key": "payout:{deal.escrow_id}"}}\n')
    found = leaks(market, deal, {})
    careless.unlink()
    assert found == ["vendor/careless.log: the escrow's id"]
