"""Stories about the figures for an admin without Grafana."""

from __future__ import annotations

from pathlib import Path

from allauth.mfa.models import Authenticator
from django.template.loader import render_to_string
from django.test import Client

from tests.contract.kit import Market, open_account
from tests.contract.scraping import scrape_here
from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.ops.overview import Figure, overview
from tripartite.coordinator.recovery.models import Incident
from tripartite.coordinator.storing import now
from tripartite.domain.deadlines import Stage
from tripartite.domain.parties import Role


def figures(data_dir: Path) -> dict[tuple[str, str], Figure]:
    return {
        (group.title, figure.label): figure
        for group in overview(data_dir)
        for figure in group.figures
    }


def test_an_admin_sees_the_figures_that_prometheus_gets(market: Market, tmp_path: Path) -> None:
    market.disputed_deal()
    market.proposed_deal()

    found = figures(tmp_path)

    page = scrape_here(tmp_path)
    assert found["Escrows", "all"].value == "2" == f"{page.value('escrows_total'):.0f}"
    assert found["Escrows", "in dispute"].value == "1"
    assert found["Work", "events"].value == f"{page.value('event_log_events_total'):.0f}"
    assert found["Health", "database"] == Figure("database", "ok")
    assert not found["Escrows", "payouts without news for 6 hours"].wrong


def test_what_needs_a_person_is_marked(market: Market, tmp_path: Path) -> None:
    deal = market.broadcast_deal()
    Incident.objects.create(
        escrow_id=deal.escrow_id,
        state="releasing",
        stage=int(Stage.RECOVERY),
        began_at=now(),
        raised_at=now(),
    )

    found = figures(tmp_path)

    assert {name for name, figure in found.items() if figure.wrong} == {
        ("Escrows", "payouts without news for 6 hours"),
        ("Escrows", "to be taken up by a person"),
        ("Health", "last backup"),
        ("Health", "node"),
        ("Health", "work"),
        ("Our node", "reachable"),
    }


def test_the_fragment_has_no_script_and_no_escrow_in_it(market: Market, tmp_path: Path) -> None:
    deal = market.broadcast_deal()

    html = render_to_string("ops/figures.html", {"groups": overview(tmp_path)})

    assert html.count("<section") == 5
    assert "look at this" in html
    assert "<script" not in html
    assert "style=" not in html
    assert deal.escrow_id not in html
    assert str(deal.amount) not in html


def test_the_page_for_admins_shows_them_and_others_do_not_get_it(market: Market) -> None:
    admin = Account.objects.get(pk=open_account("operator", admin=True).account_id)
    Authenticator.objects.create(user=admin, type=Authenticator.Type.TOTP, data={"secret": "x"})
    client = Client(raise_request_exception=False)
    client.force_login(admin)

    shown = client.get("/operation", SERVER_NAME="127.0.0.1")

    assert shown.status_code == 200
    assert "payouts without news for 6 hours" in shown.content.decode()
    stranger = Client(raise_request_exception=False)
    stranger.force_login(Account.objects.get(pk=market.people[Role.BUYER].account_id))
    assert stranger.get("/operation", SERVER_NAME="127.0.0.1").status_code != 200
