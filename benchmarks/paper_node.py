"""A node that is simulated: it knows every transaction, at first in its pool and then mined.

It answers what a coordinator asks of its own node, in monerod's form, and nothing else.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

_HEIGHT: Final = 1_000
_MINED_AT: Final = 900
_VERSION: Final = (3 << 16) | 11
"""What the node of Monero 0.18.0.0 calls its interface."""


class PaperNode(ThreadingHTTPServer):
    """Use ``paper_node``. All transactions spend the one output with ``key_image``."""

    daemon_threads = True

    def __init__(self, key_image: str) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self._key_image = key_image
        self._seen: set[str] = set()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, path: str, asked: Mapping[str, object]) -> Mapping[str, object]:
        """What monerod would say."""
        match path, asked:
            case "/json_rpc", {"method": "get_info"}:
                return _result(_INFO)
            case "/json_rpc", {"method": "get_version"}:
                return _result({"version": _VERSION, "release": True})
            case "/json_rpc", {"method": "get_block_count"}:
                return _result({"count": _HEIGHT})
            case "/get_transactions", {"txs_hashes": list(txids)}:
                return {"status": "OK", "txs": self._transactions([str(one) for one in txids])}
            case _:
                return {"status": "Failed"}

    def _transactions(self, txids: Sequence[str]) -> list[Mapping[str, object]]:
        decoded = json.dumps({"vin": [{"key": {"k_image": self._key_image}}]})
        found: list[Mapping[str, object]] = []
        for txid in txids:
            where: Mapping[str, object] = {"in_pool": True}
            if txid in self._seen:
                where = {"in_pool": False, "block_height": _MINED_AT}
            self._seen.add(txid)
            found.append({"tx_hash": txid, "as_hex": "00", "as_json": decoded, **where})
        return found


class _Talk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PaperNode

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        answer = self.server.answer(self.path, json.loads(self.rfile.read(length) or b"{}"))
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def paper_node(key_image: str) -> Iterator[PaperNode]:
    """A node that runs until the block ends."""
    node = PaperNode(key_image)
    thread = threading.Thread(target=node.serve_forever, name="paper node")
    thread.start()
    try:
        yield node
    finally:
        node.shutdown()
        thread.join()
        node.server_close()


def _result(said: Mapping[str, object]) -> Mapping[str, object]:
    return {"jsonrpc": "2.0", "id": "0", "result": {"status": "OK", **said}}


_INFO: Final[Mapping[str, object]] = {
    "nettype": "fakechain",
    "height": _HEIGHT,
    "target_height": 0,
    "top_block_hash": "00" * 32,
    "synchronized": True,
    "offline": True,
    "untrusted": False,
    "tx_pool_size": 0,
    "version": "0.18.0.0",
}
