"""Settings from a TOML file, as text under the names that the environment gives them.

network = "mainnet"                 # TRIPARTITE_NETWORK=mainnet
port = 8700                         # TRIPARTITE_PORT=8700
stuck_hours = [6, 12, 24, 48]       # TRIPARTITE_STUCK_HOURS=6,12,24,48
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import ClassVar, Final

from tripartite.domain.errors import Refused

DEFAULT: Final = Path("/etc/tripartite/tripartite.toml")
"""Read if it is there and no other file is named."""

_LARGEST: Final = 1 << 20


class SettingsFileInvalid(Refused):
    """The settings file can't be used."""

    code: ClassVar[str] = "settings_file_invalid"


def read_settings_file(path: Path, known: Collection[str]) -> Mapping[str, str]:
    """The file's settings by their upper-case names, which must be among ``known``.

    Raises ``SettingsFileInvalid``: a misspelt limit must not silently stay at its default.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST).decode()
        table = tomllib.loads(content)
    except OSError as error:
        raise SettingsFileInvalid(
            f"{path} can't be read ({error.strerror}). Run this as the coordinator's user, or name "
            "another file in TRIPARTITE_SETTINGS_FILE."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # tomllib tells the line and never what stands there, which may be a password.
        raise SettingsFileInvalid(f"{path} isn't TOML: {error}.") from error
    return {_name(path, key, known): _text(path, key, value) for key, value in table.items()}


def _name(path: Path, key: str, known: Collection[str]) -> str:
    if key == key.lower() and key.upper() in known:
        return key.upper()
    near = difflib.get_close_matches(key.lower(), [name.lower() for name in known], n=1)
    hint = f" Did you mean {near[0]}?" if near else " See docs/guides/operator.md."
    raise SettingsFileInvalid(f"{path}: {key} is not a setting.{hint}")


def _text(path: Path, key: str, value: object) -> str:
    match value:
        case bool():
            pass  # a whole number to Python, and no value of any setting
        case str() | int() | float():
            return str(value)
        case list() if all(isinstance(one, str | int | float) for one in value):
            return ",".join(map(str, value))
    raise SettingsFileInvalid(
        f"{path}: {key} must be a text in quotes, a number, or a list of them."
    )
