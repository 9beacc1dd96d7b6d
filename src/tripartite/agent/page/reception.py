"""What each address of the page shows, and what a yes on it does."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast

from tripartite.agent import consent, deciding, proposing, reading, replacing, resolving
from tripartite.agent.arguing import Part, clean_name
from tripartite.agent.authority import waits_for_person
from tripartite.agent.deciding import Choice
from tripartite.agent.decisions import Decision
from tripartite.agent.desk import opened_details
from tripartite.agent.home import OpenHome
from tripartite.agent.journal import StoredCase
from tripartite.agent.page import choices
from tripartite.agent.page.answers import Answer, attachment, load_anew, page, redirect
from tripartite.agent.page.doors import Session
from tripartite.agent.page.forms import Form
from tripartite.agent.page.pending import Question, Questions
from tripartite.agent.page.typed import (
    arbiter_in,
    bps_in,
    cosigner_in,
    draft_in,
    endings_in,
    share_in,
)
from tripartite.agent.proposing import Proposal
from tripartite.agent.status import status
from tripartite.domain.errors import Refused
from tripartite.domain.lifecycle import CLOSED
from tripartite.domain.limits import EscrowLimitReached, UnderMaintenance
from tripartite.domain.parties import Role
from tripartite.domain.terms import is_escrow_id
from tripartite.domain.translating import Say
from tripartite.protocol.next_step import must_accept

_PLAIN: Final = ("release", "refund", "cancel", "resume", "agree", "carry_out", "move")
"""Decisions about which there is nothing more to say than yes or no."""

_PREVIEWED: Final = ("rule", "settle")
"""Decisions on a division: who would get what is shown while it is typed."""

_WITH_FILES: Final = ("dispute", "state", "evidence")
"""Decisions that files can go along with."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a browser asks for, after it was let in. ``is_part``: a script puts it into a page."""

    method: str
    path: str
    form: Form
    session: Session
    say: Say
    is_part: bool


class Reception:
    """One person's page. ``poke`` tells the running agent that something was decided."""

    def __init__(self, opened: OpenHome, poke: Callable[[], None]) -> None:
        self._opened = opened
        self._poke = poke
        self._questions = Questions()

    def answer(self, asked: Request) -> Answer | None:
        """The answer; None if there is nothing at this address. Raises what the use cases raise."""
        match asked.path.strip("/").split("/"):
            case [""] if asked.method == "GET":
                return self._overview(asked)
            case ["propose"]:
                return self._propose(asked)
            case ["answer"] if asked.method == "POST":
                return self._decided(asked)
            case ["escrow", escrow] if is_escrow_id(escrow) and asked.method == "GET":
                return self._escrow(asked, escrow)
            case ["escrow", escrow, "case"] if is_escrow_id(escrow) and asked.method == "GET":
                return self._case(asked, escrow)
            case ["escrow", escrow, "evidence", name] if is_escrow_id(escrow):
                return self._file(escrow, name)
            case ["escrow", escrow, verb] if is_escrow_id(escrow) and verb in choices.TITLES:
                return self._verb(asked, escrow, verb)
        return None

    # Looking

    def _overview(self, asked: Request) -> Answer:
        shown = status(self._opened.journal, running=True)
        escrows = cast("list[dict[str, object]]", shown["escrows"])
        decided = cast("list[dict[str, object]]", shown["decisions"])
        mine = [(one, self._asks(one, decided)) for one in escrows]
        template = "overview_body.html" if asked.is_part else "overview.html"
        return self._page(
            asked,
            template,
            shown=shown,
            waiting=[(one, what) for one, what in mine if what],
            others=[one for one, what in mine if not what],
        )

    def _asks(
        self, escrow: Mapping[str, object], decided: Sequence[Mapping[str, object]]
    ) -> list[str]:
        """What this escrow wants from the person, who has ``decided`` so much of late."""
        case = deciding.find(self._opened, str(escrow["escrow_id"]))
        asks = choices.asked(case.record, case.role, ruled=self._ruled(case))
        asks = [*asks, "resume"] if escrow["frozen"] else asks
        about = [one for one in decided if one["escrow_id"] == case.escrow_id]
        return choices.unanswered(asks, about)

    def _escrow(self, asked: Request, escrow: str) -> Answer:
        shown = self._shown(escrow)
        if shown is None:
            # Proposed a moment ago: the agent is just saying it.
            decided = self._decided_about(escrow)
            template = "proposing_body.html" if asked.is_part else "proposing.html"
            return self._page(asked, template, escrow_id=escrow, decided=decided)
        if asked.is_part and asked.form.text("proposing"):
            return load_anew()
        case, record = deciding.verified(self._opened, escrow)
        details = opened_details(self._opened.journal, self._opened.identity, record)
        ruled = self._ruled(case)
        decided = self._decided_about(escrow)
        asks = self._asks(shown, decided)
        return self._page(
            asked,
            "escrow_body.html" if asked.is_part else "escrow.html",
            escrow=shown,
            state=record.state,
            final=record.state in CLOSED,
            facts=consent.facts(record.agreement.terms, details),
            rows=deciding.rows_of(self._opened, case, record),
            endings=consent.endings(record.agreement.terms),
            must_accept=must_accept(record, case.role) and "accept_terms" in asks,
            buttons=choices.buttons(record, case.role, ruled=ruled),
            decided=decided,
            asks=asks,
        )

    def _case(self, asked: Request, escrow: str) -> Answer:
        shown = reading.read_case(self._opened, escrow)
        evidence = cast("list[dict[str, object]]", shown["evidence"])
        for one in evidence:
            one["saved_as"] = Path(str(one["file"])).name if one["file"] else None
        case = deciding.find(self._opened, escrow)
        offered = choices.arguing(case.record, case.role, ruled=self._ruled(case))
        return self._page(asked, "case.html", case=shown, buttons=offered)

    def _file(self, escrow: str, name: str) -> Answer | None:
        """A file that ``read_case`` kept: looked up by name among those, so no path leads out."""
        directory = self._opened.home.evidence / escrow
        kept = {one.name: one for one in directory.iterdir()} if directory.is_dir() else {}
        found = kept.get(name)
        return None if found is None else attachment(clean_name(name), found.read_bytes())

    # Deciding

    def _propose(self, asked: Request) -> Answer:
        form = asked.form
        if asked.is_part:
            return self._page(
                asked, "endings.html", rows=endings_in(form, self._opened.network), note=None
            )
        if asked.method == "GET":
            return self._page(asked, "propose.html", form=form, problem=None)
        try:
            draft = draft_in(form)
            with proposing.directory_of(self._opened) as directory:
                proposal = proposing.prepare(
                    self._opened, draft, form.text("address").strip(), directory
                )
        except (Refused, EscrowLimitReached, UnderMaintenance) as error:
            return self._page(asked, "propose.html", status=422, form=form, problem=error)
        return self._ask_to_propose(asked, proposal, back="/propose")

    def _verb(self, asked: Request, escrow: str, verb: str) -> Answer:
        if asked.is_part:
            return self._preview(asked, escrow, verb)
        if asked.method == "GET" and verb not in _PLAIN:
            return self._form(asked, escrow, verb, None)
        if verb == "replace_arbiter":
            return self._replace_arbiter(asked, escrow)
        try:
            choice, parts = self._choose(asked.form, escrow, verb)
        except Refused as error:
            if verb in _PLAIN:
                raise
            return self._form(asked, escrow, verb, error)
        if verb == "accept":
            store = _accepting(self._opened, choice)
        else:
            store = _storing(self._opened, choice, parts)
        return self._ask(
            asked,
            Question(
                title=choices.TITLES[verb],
                consent=_naming(choice.consent, parts),
                rows=choice.rows,
                store=store,
                leads_to=f"/escrow/{choice.case.escrow_id}",
                back=f"/escrow/{choice.case.escrow_id}",
                asks_about_strangers=verb == "accept",
            ),
        )

    def _choose(self, form: Form, escrow: str, verb: str) -> tuple[Choice, Sequence[Part]]:
        opened, parts = self._opened, list[Part]()
        match verb:
            case "accept":
                choice = deciding.accept(opened, escrow, form.text("address").strip())
            case "settle":
                choice = resolving.offer(opened, escrow, share_in(form.text("vendor_share")))
            case "agree" | "carry_out":
                choice = resolving.agree(opened, escrow, ruling=verb == "carry_out")
            case "move":
                choice = resolving.move(opened, escrow)
            case "dispute":
                choice = resolving.dispute(opened, escrow, form.text("text"))
                parts = self._files(form)
            case "state":
                choice = resolving.state(opened, escrow, form.text("text"))
                parts = self._files(form)
            case "evidence":
                with self._unpacked(form) as directory:
                    choice, parts = resolving.evidence(opened, escrow, _in(directory))
            case "rule":
                choice = resolving.rule(opened, escrow, bps_in(form), cosigner_in(form))
            case _:
                choice = deciding.choose(opened, escrow, Decision(verb))
        return choice, parts

    def _replace_arbiter(self, asked: Request, escrow: str) -> Answer:
        try:
            arbiter, bps, amount = arbiter_in(asked.form)
            with proposing.directory_of(self._opened) as directory:
                proposal = replacing.prepare(
                    self._opened,
                    escrow,
                    arbiter=arbiter,
                    arbiter_bps=bps,
                    amount=amount,
                    directory=directory,
                )
        except Refused as error:
            return self._form(asked, escrow, "replace_arbiter", error)
        return self._ask_to_propose(asked, proposal, back=f"/escrow/{escrow}")

    def _ask_to_propose(self, asked: Request, proposal: Proposal, *, back: str) -> Answer:
        return self._ask(
            asked,
            Question(
                title="Propose an escrow",
                consent=proposal.consent,
                rows=proposal.rows,
                store=lambda compared: proposing.decide(self._opened, proposal, compared),
                leads_to=f"/escrow/{proposal.escrow_id}",
                back=back,
                asks_about_strangers=True,
            ),
        )

    def _form(self, asked: Request, escrow: str, verb: str, problem: Refused | None) -> Answer:
        return self._page(
            asked,
            "decide.html",
            status=200 if problem is None else 422,
            verb=verb,
            title=choices.TITLES[verb],
            has_preview=verb in _PREVIEWED,
            has_files=verb in _WITH_FILES,
            escrow=self._shown(escrow),
            escrow_id=escrow,
            form=asked.form,
            problem=problem,
        )

    def _preview(self, asked: Request, escrow: str, verb: str) -> Answer:
        """Who would get what, while somebody is still typing."""
        if verb not in _PREVIEWED:
            return self._page(asked, "endings.html", rows=(), note=None)
        try:
            choice, _ = self._choose(asked.form, escrow, verb)
        except Refused as error:
            return self._page(asked, "endings.html", rows=(), note=error)
        return self._page(asked, "endings.html", rows=choice.consent.endings, note=None)

    def _ask(self, asked: Request, question: Question) -> Answer:
        secret = self._questions.ask(question)
        return self._page(asked, "question.html", question=question, secret=secret)

    def _decided(self, asked: Request) -> Answer:
        compared = frozenset(
            role for role in Role if asked.form.text(f"compared_{role.value}") == "yes"
        )
        question = self._questions.answer(asked.form.text("question"), compared)
        self._poke()
        return redirect(question.leads_to)

    # Tools

    def _page(self, asked: Request, template: str, *, status: int = 200, **facts: object) -> Answer:
        journal = self._opened.journal
        return page(
            template,
            asked.say,
            status=status,
            session=asked.session,
            account=journal.setting("account"),
            network=self._opened.network.value,
            **facts,
        )

    def _shown(self, escrow: str) -> dict[str, object] | None:
        escrows = cast(
            "list[dict[str, object]]", status(self._opened.journal, running=True)["escrows"]
        )
        return next((one for one in escrows if one["escrow_id"] == escrow), None)

    def _decided_about(self, escrow: str) -> list[dict[str, object]]:
        decided = cast(
            "list[dict[str, object]]", status(self._opened.journal, running=True)["decisions"]
        )
        return [one for one in decided if one["escrow_id"] == escrow]

    def _ruled(self, case: StoredCase) -> bool:
        """Whether a ruling waits for this person's signature."""
        return waits_for_person(self._opened.journal, case)

    def _files(self, form: Form) -> list[Part]:
        with self._unpacked(form) as directory:
            return resolving.read_files(_in(directory))

    def _unpacked(self, form: Form) -> tempfile.TemporaryDirectory[str]:
        """The files of a form, in a directory of the home that goes away again."""
        directory = tempfile.TemporaryDirectory(dir=self._opened.home.directory, prefix="upload-")
        for number, upload in enumerate(form.files):
            place = Path(directory.name) / f"{number:02}"
            place.mkdir(mode=0o700)
            (place / clean_name(upload.name)).write_bytes(upload.data)
        return directory


def _naming(asked: consent.Consent, parts: Sequence[Part]) -> consent.Consent:
    """The question with the files that go along, unless it names them itself."""
    named = {value for _, value in asked.facts}
    files = {part.sha256: part.name for part in parts}
    rows = [(name, f"SHA-256 {sha256}") for sha256, name in files.items()]
    if any(sha256 in value for sha256 in files for value in named):
        return asked
    return replace(asked, facts=(*asked.facts, *rows))


def _in(directory: str) -> list[Path]:
    """The files that were unpacked, in the order in which they were sent."""
    return [file for place in sorted(Path(directory).iterdir()) for file in place.iterdir()]


def _accepting(opened: OpenHome, choice: Choice) -> Callable[[frozenset[Role]], None]:
    def store(compared: frozenset[Role]) -> None:
        deciding.decide(opened, choice, compared)

    return store


def _storing(
    opened: OpenHome, choice: Choice, parts: Sequence[Part]
) -> Callable[[frozenset[Role]], None]:
    def store(_: frozenset[Role]) -> None:
        resolving.store(opened, choice, parts)

    return store
