"""Who may get at the files that hold keys and logins."""

from __future__ import annotations

import stat
from pathlib import Path

from tripartite.coordinator.configuration import Configuration
from tripartite.coordinator.doctor.facts import FileFacts, FileKind, Unknown


def look_at_files(
    configuration: Configuration, settings_file: Path | None
) -> tuple[FileFacts, ...]:
    """Modes of everything that must be closed to others."""
    paths = [
        (configuration.data_dir, FileKind.DIRECTORY),
        (configuration.attach_dir, FileKind.DIRECTORY),
        (configuration.secret_key_file, FileKind.SECRET),
        (configuration.keyring_file, FileKind.SECRET),
    ]
    if settings_file is not None:
        paths.append((settings_file, FileKind.SETTINGS))
    return tuple(look_at_file(path, kind) for path, kind in paths)


def look_at_file(path: Path, kind: FileKind) -> FileFacts:
    """One of them."""
    try:
        seen = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return FileFacts(str(path), kind, None)
    except OSError as error:
        return FileFacts(str(path), kind, Unknown(type(error).__name__))
    return FileFacts(str(path), kind, stat.S_IMODE(seen.st_mode), seen.st_uid == 0)
