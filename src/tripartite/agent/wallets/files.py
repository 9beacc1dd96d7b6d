"""The wallet files of a pool that runs its own wallet-rpc processes.

wallets/      NAME (cache) and NAME.keys of each wallet, shared by all slots
set-aside/    wallets and caches that are not used any more; nothing is ever deleted
kept-keys/    a copy of NAME.keys of each wallet whose key exchange is complete
notes/        see ``notes``
slot-N/       a process's own files
"""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from tripartite.agent.wallets.notes import sync


class WalletFiles:
    """The directory of a pool; everything in it is for its owner's eyes only."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.wallets = directory / "wallets"
        self.aside = directory / "set-aside"
        self.kept = directory / "kept-keys"
        for place in (directory, self.wallets, self.aside, self.kept):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)

    def slot(self, number: int) -> Path:
        """The directory of one process, whose wallets are those of all."""
        place = self.directory / f"slot-{number}"
        place.mkdir(mode=0o700, exist_ok=True)
        link = place / "wallets"
        if not link.is_symlink():
            link.symlink_to(Path("..") / "wallets", target_is_directory=True)
        return place

    def make_private(self, name: str) -> None:
        """Take the files from everybody but their owner; the directory is closed anyway."""
        for path in self._files(name):
            path.chmod(0o600)

    def keep_keys(self, name: str, *, beside: tuple[Path, ...] = ()) -> None:
        """Have the keys on the disk, a copy of them, and the files ``beside`` them, all at once.

        wallet-rpc syncs nothing, and money will be sent to these keys. A copy of ``.keys`` is all
        that is needed to get a finished wallet back.
        """
        keys = self.wallets / f"{name}.keys"
        copy = self.kept / keys.name
        shutil.copyfile(keys, copy)
        copy.chmod(0o600)
        sync(keys, copy, *beside)

    def set_cache_aside(self, name: str) -> Path | None:
        """Move the cache away, which a reopened wallet makes anew; where it is now.

        None if there is none. Never ``.keys``.
        """
        cache = self.wallets / name
        if not cache.exists():
            return None
        moved = self.aside / f"{name}.cache-{secrets.token_hex(4)}"
        return cache.rename(moved)

    def put_cache_back(self, name: str, moved: Path) -> None:
        """Undo ``set_cache_aside`` when it was not the cache's fault."""
        cache = self.wallets / name
        if not cache.exists():
            moved.rename(cache)

    def set_wallet_aside(self, name: str) -> None:
        """Move all files of a closed wallet away; doing it again changes nothing."""
        for path in self._files(name):
            moved = self.aside / path.name
            if moved.exists():
                moved = self.aside / f"{path.name}-{secrets.token_hex(4)}"
            path.rename(moved)

    def _files(self, name: str) -> list[Path]:
        endings = ("", ".keys", ".address.txt")
        return [path for end in endings if (path := self.wallets / f"{name}{end}").exists()]
