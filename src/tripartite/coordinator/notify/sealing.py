"""Channel addresses at rest: sealed under a key that lies in a file, not in the database."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tripartite.domain.errors import Refused
from tripartite.domain.secrets import Secret
from tripartite.protocol.canonical import Json
from tripartite.protocol.identity import Identity
from tripartite.protocol.sealing import seal, unseal


class ChannelKeyUnusable(Refused):
    """The file with the key of the notification channels can't be used."""

    code: ClassVar[str] = "channel_key_unusable"


@dataclass(frozen=True, slots=True)
class Opened:
    """What a channel needs to send; ``secret`` signs webhooks and is empty for others."""

    address: Secret
    secret: Secret


def seal_channel(path: Path, channel_id: int, opened: Opened) -> str:
    """For this one row. Raises ``ChannelKeyUnusable``."""
    content: dict[str, Json] = {
        "address": opened.address.reveal(),
        "secret": opened.secret.reveal(),
    }
    key = _key(path)
    return json.dumps(seal(content, readers=[key.public], place=_place(channel_id)))


def open_channel(path: Path, channel_id: int, sealed: str) -> Opened:
    """Raises ``ChannelKeyUnusable``, and ``SealBroken`` for a value from another row."""
    content = unseal(json.loads(sealed), reader=_key(path), place=_place(channel_id))
    return Opened(Secret(str(content["address"])), Secret(str(content["secret"])))


def _place(channel_id: int) -> dict[str, Json]:
    return {"table": "notify_channel", "row": channel_id}


def _key(path: Path) -> Identity:
    """Read it, or make it where there is none yet; two processes at once agree on one."""
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(Identity.generate().reveal(), file)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    try:
        return Identity.restore(json.loads(path.read_text(encoding="ascii")))
    except (OSError, ValueError, Refused) as error:
        raise ChannelKeyUnusable(
            "TRIPARTITE_CHANNEL_KEY_FILE can't be read. Copy it from another node or the backup."
        ) from error
