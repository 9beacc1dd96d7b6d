"""One directory for all attach processes of a database: keys that only one of them sees are a trap.

The directory has a mark, and the database knows which. A process that is started with another one
ends before it makes a key there, or takes work from those that could do it.
"""

from __future__ import annotations

from typing import ClassVar

from tripartite.attach.homes import Homes
from tripartite.coordinator.storing import write_transaction
from tripartite.coordinator.wallets.models import AttachDirectory, AttachedIdentity
from tripartite.domain.errors import Refused

_ROW = 1


class AttachDirectoryForeign(Refused):
    """The attach processes of this database keep their keys in another directory."""

    code: ClassVar[str] = "attach_directory_foreign"


def require_shared(homes: Homes, *, anew: bool = False) -> None:
    """Return only if this is the directory of all; the first one is, if no identity lacks there.

    ``anew`` makes it so whatever was before. Raises ``AttachDirectoryForeign``.
    """
    mark = homes.mark()
    with write_transaction():
        row, fresh = AttachDirectory.objects.select_for_update().get_or_create(
            pk=_ROW, defaults={"mark": mark}
        )
        if anew:
            AttachDirectory.objects.filter(pk=_ROW).update(mark=mark)
        elif row.mark != mark or (fresh and _lacks_any(homes)):
            raise AttachDirectoryForeign(
                "Name theirs as TRIPARTITE_ATTACH_DIR, mount it, or put it back from a backup. Only "
                "if it is lost for good: start once with --new-directory."
            )


def _lacks_any(homes: Homes) -> bool:
    """Whether somebody's identity was made elsewhere, before directories had marks."""
    made = AttachedIdentity.objects.filter(account__identity__isnull=False)
    return any(not homes.has_identity(one) for one in made.values_list("pk", flat=True).iterator())
