"""Fail when a lock file says where packages come from, or leaves one without a hash.

A lock pins what is installed (name, version, hashes); where it is fetched is the choice of the
person who installs. An address in the file would send everybody to one host, and a direct
reference (``name @ address``) would go around the hashes of the release.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_ADDRESS = re.compile(r"://| @ |^\s*(-i|-f|-e|--[a-z-]*(index|find|trusted)[a-z-]*)\b")
_PIN = re.compile(r"^[a-z0-9][a-z0-9._-]*(\[[a-z0-9,._-]+\])?==[^\s;]+", re.IGNORECASE)


def complaints(lock: str) -> list[str]:
    """What is wrong with the text of a lock file, one line per finding."""
    found = []
    # A requirement and its hashes are one logical line, folded with backslashes.
    for line in lock.replace("\\\n", " ").splitlines():
        requirement = line.partition("#")[0].strip()
        if _ADDRESS.search(line):
            found.append(f"names a place to fetch from: {line.strip()}")
        elif requirement and not _PIN.match(requirement):
            found.append(f"isn't pinned to one version: {requirement}")
        elif requirement and "--hash=sha256:" not in requirement:
            found.append(f"has no hash: {requirement}")
    return found


def main() -> int:
    """Check every ``*.lock`` at the top of the project; forms of other tools are refused."""
    found = [
        f"{lock.name}: {complaint}"
        for lock in sorted(ROOT.glob("*.lock"))
        if lock.name != "uv.lock"
        for complaint in complaints(lock.read_text())
    ]
    found += [
        f"{name}: holds addresses of a package host; requirements.lock is our lock file"
        for name in ("uv.lock", "pylock.toml", "poetry.lock")
        if (ROOT / name).exists()
    ]
    for complaint in found:
        print(complaint, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
