"""A shop that is paid through Tripartite: news comes in, the own agent is asked, parcels go out.

Needs Python 3.11 and standardwebhooks. The shop is the vendor; its own agent holds the key.
"""

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from standardwebhooks import Webhook, WebhookVerificationError

AGAIN = {429, 502, 503, 504}


class CoordinatorSaysNo(Exception):
    """A problem (RFC 9457). Programs decide by ``code``, which never changes; people read the rest."""

    def __init__(self, status: int, problem: Mapping[str, object]) -> None:
        self.status = status
        self.code = str(problem.get("code", f"http_{status}"))
        super().__init__(f"{self.code}: {problem.get('detail', problem.get('title', ''))}")


class Coordinator:
    """The JSON API, by one account's token."""

    def __init__(self, url: str, token: str, *, tries: int = 5) -> None:
        self._url, self._token, self._tries = url, token, tries

    def get(self, path: str) -> dict:
        return self._ask("GET", path)

    def post(self, path: str, body: Mapping[str, object]) -> dict:
        # One key for all tries of one request: whatever was lost on the way, it is done once.
        return self._ask("POST", path, json.dumps(body).encode(), key=str(uuid.uuid4()))

    def _ask(self, method: str, path: str, body: bytes | None = None, key: str = "") -> dict:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        for left in reversed(range(self._tries)):
            request = urllib.request.Request(self._url + path, body, headers, method=method)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.loads(answer.read() or b"{}")
            except urllib.error.HTTPError as error:
                with error:
                    if error.code not in AGAIN or not left:
                        raise CoordinatorSaysNo(error.code, _problem(error.read())) from None
                    wait = float(error.headers.get("Retry-After", "1"))
            except OSError:  # not reached, or the answer was lost
                if not left:
                    raise
                wait = 1.0
            time.sleep(wait)
        raise AssertionError("at least one try")


def _problem(content: bytes) -> dict:
    try:
        return dict(json.loads(content))
    except (ValueError, TypeError):
        return {}


@dataclass
class Order:
    """One order; ``amount`` is piconero."""

    amount: int
    status: str = "waiting"


@dataclass
class Shop:
    """``agent_says`` gives an escrow's state as the shop's own agent sees it."""

    coordinator: Coordinator
    agent_says: Callable[[str], str]
    orders: dict[str, Order] = field(default_factory=dict)
    cursor: int = 0
    secret: str = ""
    heard: set[str] = field(default_factory=set)

    def subscribe(self, url: str) -> None:
        """Have news sent to ``url``. The secret is for this channel alone; keep it."""
        channel = self.coordinator.post("/api/notifications", {"kind": "webhook", "url": url})
        self.secret = channel["secret"]

    def take(self, headers: Mapping[str, str], body: bytes) -> int:
        """What your web server does with a POST to that address; the HTTP status to answer."""
        try:
            news = Webhook(self.secret).verify(body, dict(headers))
        except WebhookVerificationError:
            return 400
        if headers["webhook-id"] not in self.heard:  # the same news may come twice
            self.look(news["data"].get("escrow_id", ""))
            self.heard.add(headers["webhook-id"])
        return 204

    def catch_up(self) -> None:
        """At the start, and every few minutes: news that was never delivered is in the log."""
        while True:
            page = self.coordinator.get(f"/api/events?after={self.cursor}")
            for escrow_id in {event["escrow_id"] for event in page["events"]}:
                self.look(escrow_id)
            if page["cursor"] == self.cursor:
                return
            self.cursor = page["cursor"]

    def look(self, escrow_id: str) -> None:
        """News is a hint: ask where the escrow stands now, so its order doesn't matter."""
        order = self.orders.get(escrow_id)
        if order is None:
            return
        shown = self.coordinator.get(f"/api/escrow/{escrow_id}")
        if shown["role"] != "vendor" or int(shown["amount"]) != order.amount:
            order.status = "look at it"
            return
        # The coordinator may lie. Nothing goes out before the own agent says the same.
        state = shown["state"] if shown["state"] == self.agent_says(escrow_id) else ""
        order.status = {
            "funded": "send it",
            "disputed": "answer the dispute",
            "completed": "paid",
            "refunded": "paid back",
            "settled": "settled",
            "cancelled": "called off",
        }.get(state, order.status)
