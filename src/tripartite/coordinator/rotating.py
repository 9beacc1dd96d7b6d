"""Rotate the keys that seal secrets in the database, while nodes run.

The order makes it safe: the new key is in the file before anything is sealed under it, every row
is sealed anew, and an old key goes only when no row needs it. A row that somebody seals under the
old key in between is found by the next pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.db import connection
from django.db.models import Model

from tripartite.coordinator.accounts import second_factors
from tripartite.coordinator.keyring import (
    Keyring,
    KeyringUnusable,
    Keys,
    SealedRowMoved,
    Spot,
    key_id,
    prepare_keyring,
    read_keys,
    write_keys,
)
from tripartite.coordinator.notify.models import Channel
from tripartite.coordinator.storing import write_transaction
from tripartite.coordinator.wallets.models import (
    AttachedDecision,
    AttachedReading,
    WalletMapping,
    WalletRegistration,
)

SEALED: Final[tuple[tuple[type[Model], str], ...]] = (
    (WalletRegistration, "credentials"),
    (WalletMapping, "credentials"),
    (AttachedDecision, "content"),
    (AttachedReading, "content"),
    (Channel, "sealed"),
)
"""Every column that holds sealed bytes; secrets of second factors are sealed texts in JSON."""

_BATCH: Final = 200


@dataclass(frozen=True, slots=True)
class KeyUse:
    """One key of the ring, and how many rows are sealed under it."""

    id: str
    current: bool
    rows: int


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did."""

    current: str
    sealed_anew: int
    dropped: tuple[str, ...]


def list_keys(path: Path) -> list[KeyUse]:
    """All keys, the oldest first. Raises ``KeyringUnusable``."""
    prepare_keyring(path)
    keys, uses = read_keys(path), _uses()
    return [KeyUse(one, one == keys.current, uses[one]) for one in keys.keys]


def add_key(path: Path) -> str:
    """A new key that nothing is sealed under yet; its id. Raises ``KeyringUnusable``.

    With several nodes: copy the file to all of them, then rotate.
    """
    prepare_keyring(path)
    keys = read_keys(path).with_new()
    write_keys(path, keys)
    return list(keys.keys)[-1]


def rotate(path: Path) -> Rotation:
    """Seal everything under the newest key, which is made if there is none newer than the present.

    Keys that nothing needs any more are dropped, except the one before: another node may have read
    the file just before it changed. Raises ``KeyringUnusable``, ``SealedRowMoved``,
    ``SealedUnderUnknownKey``.
    """
    prepare_keyring(path)
    keys = read_keys(path)
    before = keys.current
    if list(keys.keys)[-1] == before:
        keys = keys.with_new()
    keys = keys.with_newest_current()
    write_keys(path, keys)
    ring, sealed = Keyring(path), 0
    while moved := _pass(ring, keys):
        sealed += moved
    uses = _uses()
    gone = tuple(one for one in keys.keys if one not in {keys.current, before} and not uses[one])
    write_keys(path, keys.without(*gone))
    return Rotation(keys.current, sealed, gone)


def keyring_trouble(path: Path, *, thoroughly: bool = False) -> str:
    """Why this file doesn't open what is sealed; empty if it does, or nothing is sealed.

    Looks at the first and last row of each table, or ``thoroughly`` at all; changes nothing, and
    makes no file.
    """
    try:
        uses = set(_uses() if thoroughly else _some_uses())
        if not uses and not path.exists():
            return ""
        if uses <= read_keys(path).keys.keys():
            return ""
    except (KeyringUnusable, SealedRowMoved) as error:
        return error.detail
    return "It lacks a key that secrets are sealed under: restore it from the backup."


def _some_uses() -> Iterator[str]:
    yield from second_factors.keys_in_use(at_the_ends=True)
    for model, column in SEALED:
        rows = model._default_manager.values_list(column, flat=True)
        for sealed in (rows.order_by("pk").first(), rows.order_by("pk").last()):
            if sealed is not None and bytes(sealed):
                yield key_id(bytes(sealed))


def _pass(ring: Keyring, keys: Keys) -> int:
    """Seal anew whatever is under another key than the current one; how many rows that were."""
    moved = second_factors.seal_anew(ring, keys.current)
    for model, column in SEALED:
        table = model._meta.db_table
        rest = model._default_manager.order_by("pk")
        while rows := list(rest.values_list("pk", column)[:_BATCH]):
            rest = rest.filter(pk__gt=rows[-1][0])
            for pk, sealed in rows:
                if bytes(sealed) and key_id(bytes(sealed)) != keys.current:
                    moved += _seal_anew(ring, Spot(table, column, str(pk)), bytes(sealed))
    return moved


def _seal_anew(ring: Keyring, spot: Spot, sealed: bytes) -> int:
    """Replace one value, unless somebody else changed it meanwhile."""
    fresh = ring.seal(ring.open(sealed, spot), spot)
    column = connection.ops.quote_name(spot.column)
    with write_transaction(), connection.cursor() as sql:
        sql.execute(
            f"UPDATE {spot.table} SET {column} = %s WHERE id = %s AND {column} = %s",
            [fresh, spot.key, sealed],
        )
        return int(sql.rowcount)


def _uses() -> Counter[str]:
    uses = Counter(second_factors.keys_in_use())
    for model, column in SEALED:
        for (sealed,) in model._default_manager.values_list(column).iterator():
            if bytes(sealed):
                uses[key_id(bytes(sealed))] += 1
    return uses
