"""An agent as a process: options as typed, logs, signals."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

from tripartite.agent.desk import Pace
from tripartite.agent.home import OpenHome
from tripartite.agent.keyring import check_private
from tripartite.agent.page.doors import new_link
from tripartite.agent.page.reception import Reception
from tripartite.agent.page.server import serving
from tripartite.agent.party import Party, RunOptions
from tripartite.agent.wallets.records import Endpoint, Node
from tripartite.domain.errors import Refused
from tripartite.domain.secrets import Secret
from tripartite.logs import lines
from tripartite.logs.daily import DailyFile
from tripartite.monero.connection import Login

# Looking for cycles among all objects takes 13 ms, on busy cores 35 ms, in which no thread of this
# process goes on; it used to fall into most key exchanges. What there is once everything runs
# stays anyway. The rest is looked at after so many new objects.
_GC_AFTER: Final = 20_000

# By default a busy thread keeps the interpreter for 5 ms; a round of a key exchange takes as long.
_SWITCH_SECONDS: Final = 0.001


class LoginFileMalformed(Refused):
    """A login file holds one line, user:password."""

    code: ClassVar[str] = "login_file_malformed"


def options(
    *,
    node: str,
    node_login: Path | None,
    node_proxy: str | None,
    node_trusted: bool,
    slots: int,
    wallet_rpcs: Sequence[str],
    wallet_rpc_login: Path | None,
    proxy: str | None,
    prepared: int,
    watching: float,
    guarding: float,
) -> RunOptions:
    """Options from the command line. Raises ``LoginFileMalformed``, ``KeyFileUnsafe``."""
    login = read_login(wallet_rpc_login)
    return RunOptions(
        node=Node(node, read_login(node_login), node_proxy, node_trusted),
        slots=slots,
        endpoints=[Endpoint(url, login) for url in wallet_rpcs],
        proxy=proxy,
        pace=Pace(
            watching=watching,
            guarding=guarding,
            confirming=watching,
            pulse=min(watching, Pace().pulse),
            prepared_wallets=prepared,
        ),
    )


def run(
    opened: OpenHome,
    told: RunOptions,
    *,
    ready: Callable[[str | None], None],
    page_port: int | None = None,
) -> bool:
    """Run until SIGTERM or SIGINT: then finish the running calls and close the wallets.

    ``page_port`` is where its own page is shown on the loopback address, None for no page;
    ``ready`` is told a link into it. Returns whether it ended in order, False after a bug. Raises
    what ``Party.start`` raises, and ``PageCannotListen``.
    """
    if told.proxy is None and (proxy := opened.journal.setting("proxy")) is not None:
        # Paired through a proxy: never go round it by forgetting an option.
        told = replace(told, proxy=proxy)
    party = Party(opened, told)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: party.end())
    try:
        with party, ExitStack() as stack:
            link = None
            if page_port is not None:
                home = opened.home.directory
                stack.enter_context(serving(Reception(opened, party.poke), home, port=page_port))
                link = new_link(home)
            spare_collections()
            ready(link)
            party.wait()
    finally:
        opened.journal.close()
    return party.failure is None


def spare_collections() -> None:
    """Let the garbage collector pass over what exists now, and come less often.

    Threads hand the interpreter over sooner as well: news waits while another thread calculates.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_AFTER)


def log_to(file: Path | None, directory: Path | None = None) -> None:
    """JSON lines: kinds, rounds, codes and durations; no ids, addresses, keys, tokens, messages.

    To ``file``, or to one file a day in ``directory``, kept for a week, or else to stderr.
    """
    sink: lines.Sink | None = None
    if file is not None:
        file.touch(mode=0o600)
        sink = file.open("a", buffering=1)
    elif directory is not None:
        sink = DailyFile(directory, "agent")
    lines.configure("info", sink)


def read_login(file: Path | None) -> Login | None:
    """A login from a private file. Raises ``LoginFileMalformed``, ``KeyFileUnsafe``."""
    if file is None:
        return None
    check_private(file)
    user, colon, password = file.read_text().strip().partition(":")
    if not user or not colon:
        raise LoginFileMalformed("Write user:password into it, and nothing else.")
    return Login(user, Secret(password))
