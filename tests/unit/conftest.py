"""Unit tests touch no network: a socket opened by one is an error.

That holds for the whole process. Whatever serves in it meanwhile would be struck, so ``make test``
keeps its order: a worker that has begun with other tests gets no unit test any more.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_socket import disable_socket, enable_socket


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    """Unix sockets stay: an asyncio loop wakes itself through a pair of them."""
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()
