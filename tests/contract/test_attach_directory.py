"""All attach processes share one directory: another one is noticed before anything is made in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.contract.kit import Market, open_account
from tripartite.attach.directories import AttachDirectoryForeign, require_shared
from tripartite.attach.homes import Homes
from tripartite.coordinator.storing import now
from tripartite.coordinator.wallets.models import AttachedIdentity
from tripartite.domain.parties import Network


def homes(directory: Path) -> Homes:
    return Homes(directory, Network.REGTEST)


def test_who_shares_the_directory_of_the_first_may_start(database: str, tmp_path: Path) -> None:
    first = homes(tmp_path / "shared")
    require_shared(first)

    require_shared(homes(tmp_path / "shared"))
    require_shared(first)
    shutil.move(tmp_path / "shared", tmp_path / "elsewhere")
    require_shared(homes(tmp_path / "elsewhere"))

    assert [one.name for one in (tmp_path / "elsewhere").glob("mark*")] == ["mark"]


def test_another_directory_is_refused_until_somebody_says_that_the_first_is_lost(
    database: str, tmp_path: Path
) -> None:
    require_shared(homes(tmp_path / "shared"))
    other = homes(tmp_path / "other")

    with pytest.raises(AttachDirectoryForeign, match="TRIPARTITE_ATTACH_DIR"):
        require_shared(other)
    with pytest.raises(AttachDirectoryForeign):
        require_shared(other)

    require_shared(other, anew=True)
    require_shared(other)
    with pytest.raises(AttachDirectoryForeign):
        require_shared(homes(tmp_path / "shared"))


def test_an_empty_directory_is_not_taken_for_that_of_identities_made_before_there_were_marks(
    market: Market, tmp_path: Path
) -> None:
    """Such as the mount point of a disk that isn't mounted, at the first start after an upgrade."""
    guest = open_account("guest")
    AttachedIdentity.objects.create(account_id=guest.account_id, asked_at=now())
    theirs = homes(tmp_path / "theirs")
    with theirs.identity(guest.account_id):
        pass

    with pytest.raises(AttachDirectoryForeign):
        require_shared(homes(tmp_path / "empty"))

    require_shared(theirs)
