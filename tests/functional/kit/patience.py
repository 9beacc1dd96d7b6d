"""A community whose coordinator's clock the story moves, and the admin who looks after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from tests.functional.kit.market import Market
from tests.functional.kit.moved_clock import ENTRY, move
from tripartite.devnet import programs
from tripartite.devnet.api import Api
from tripartite.devnet.deals import Deal
from tripartite.devnet.network import Devnet
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret

ADMIN: Final = "operator"
PASSWORD: Final = "a horse, a battery, a staple"
WHY: Final = "The vendor says that the wallet is back within the hour."


class Patience:
    """A community whose coordinator's clock the story moves, and its admin."""

    def __init__(self, devnet: Devnet, name: str) -> None:
        self.market = Market(devnet, devnet.another_community(name))
        coordinator = self.market.coordinator
        coordinator.stop()
        move(coordinator.directory, 0)
        coordinator.entry = ENTRY
        coordinator.start()
        password = coordinator.directory / "password"
        password.write_text(PASSWORD)
        self.admin_does("create", ADMIN, "--password-file", str(password))
        self.token = Secret(self.admin_does("token", ADMIN).strip())

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

    def stop(self) -> None:
        """End its processes."""
        for party in self.market.parties.values():
            party.stop()
        self.market.coordinator.stop()

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
