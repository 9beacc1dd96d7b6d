"""A community whose coordinator lies whenever a story says so, and the book of all lies told."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.functional.kit.market import Market
from tests.liars.court import Court
from tests.liars.docket import Docket
from tests.liars.lies import MARK, Book
from tests.liars.postman import Postman, postman
from tripartite.devnet.community import Community
from tripartite.devnet.deals import Deal
from tripartite.devnet.network import Devnet
from tripartite.devnet.party import Party
from tripartite.domain.lifecycle import State

# Names under .onion are in no directory of names (RFC 7686): only the postman can look it up.
LYING_NAME = "a-coordinator-that-lies.onion"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARK}(name, by, answer): a story that tells this lie")
    # Stories may be spread over processes (pytest-xdist); the one that reports keeps the book.
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Book(config.rootpath / "build" / "lies.json"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Iterator[None]:
    report: pytest.TestReport = yield  # type: ignore[assignment]  # what the inner hooks return
    mark = item.get_closest_marker(MARK)
    if mark is not None and report.when == "call":
        entry = {**mark.kwargs, "story": item.nodeid, "refused": report.passed}
        report.user_properties.append((MARK, entry))
    return report  # type: ignore[return-value]  # as pluggy wants it of a wrapper


@pytest.fixture(scope="session")
def between() -> Iterator[Postman]:
    """The man between the agents and their coordinator."""
    with postman() as running:
        yield running


@pytest.fixture(scope="session")
def lied_to(devnet: Devnet, between: Postman) -> Iterator[Community]:
    """Three honest agents whose coordinator can't be trusted."""
    community = devnet.another_community("liars", public_name=LYING_NAME, proxies=between.proxies)
    yield community
    # The postman goes away now; agents and coordinator with him.
    with ThreadPoolExecutor() as threads:
        list(threads.map(Party.stop, community.parties.values()))
    community.coordinator.stop()


@pytest.fixture(scope="session")
def docket(devnet: Devnet, lied_to: Community) -> Docket:
    """The escrows that are lied about, one story after another."""
    return Docket(Market(devnet, lied_to))


@pytest.fixture
def keyed(docket: Docket) -> Deal:
    """It has an address, and no money until a story hides that it has some."""
    return docket.at(State.AWAITING_DEPOSIT)


@pytest.fixture
def funded(docket: Docket) -> Deal:
    """It has money in it."""
    return docket.at(State.FUNDED)


@pytest.fixture
def court(
    request: pytest.FixtureRequest,
    devnet: Devnet,
    lied_to: Community,
    between: Postman,
    docket: Docket,
) -> Iterator[Court]:
    """The market of these stories. What the logs say of crashes fails the story."""
    # Stories come in any order; after those of an evil party, its honest agent is not there.
    docket.wake()
    before = len(devnet.troubles())
    mark = request.node.get_closest_marker(MARK)
    answer = "" if mark is None else str(mark.kwargs["answer"])
    yield Court(Market(devnet, lied_to), between, answer)
    assert devnet.troubles()[before:] == []
