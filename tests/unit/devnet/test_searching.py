"""What counts as known: the searches behind the demonstration's claims."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tripartite.devnet.searching import files_named, known

SECRET = "a bicycle, blue"


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_a_text_is_found_however_deep_envelopes_wrap_it(tmp_path: Path, depth: int) -> None:
    text = json.dumps({"subject": SECRET, "and": "something else beside it"})
    for _ in range(depth):
        text = json.dumps({"payload": f"eyJh.{encoded(text)}.{'s' * 86}"})
    (tmp_path / "database").write_bytes(b"\x00\xff" + text.encode() + b"\x00")

    assert known(tmp_path, {"what": SECRET, "who": "nobody"}) == {"what"}


def test_files_of_all_depths_are_searched_and_links_are_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    (kept / "below").mkdir(parents=True)
    (kept / "below" / "wallet.keys").write_text(SECRET)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("another text")
    (kept / "link").symlink_to(elsewhere)

    assert known(kept, {"a": SECRET, "b": "another text"}) == {"a"}
    assert files_named(kept, "*.keys") == ["below/wallet.keys"]
