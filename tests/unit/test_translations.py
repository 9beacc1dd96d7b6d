"""The second language is complete, and compiled from what stands in the catalogues."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts import translations
from scripts.refusals import PAGES, UNMET, Reading, refusals
from scripts.translations import AGENT, COORDINATOR, Catalogue
from tripartite.domain.translating import read_catalogue, translator


@pytest.mark.parametrize("catalogue", [COORDINATOR, AGENT], ids=lambda one: one.domain)
def test_every_sentence_of_the_pages_is_translated(catalogue: Catalogue) -> None:
    said = (
        translations.coordinator_says() if catalogue is COORDINATOR else translations.agent_says()
    )

    assert translations.complaints_about(catalogue, said) == []


def test_what_both_pages_say_is_translated_alike() -> None:
    coordinator, agent = (translations.read_po(one.po) for one in (COORDINATOR, AGENT))
    both = coordinator.keys() & agent.keys()

    assert translations.named_by_both() <= both
    assert {one: coordinator[one] for one in both} == {one: agent[one] for one in both}


def test_a_catalogue_is_read_as_it_was_written() -> None:
    known = translations.read_po(COORDINATOR.po)

    assert len(known) > 200
    assert COORDINATOR.mo.read_bytes() == translations.compiled(known)


def test_a_refusal_that_a_page_can_show_is_found_wherever_it_is_made(tmp_path: Path) -> None:
    package = tmp_path / "tripartite"
    for name, text in _SOURCE.items():
        path = package / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    found = [(one.error, one.title, ast.unparse(one.text)) for one in refusals(package)]

    assert found == [("Late", "It is too late", "f'Ask before {day}.'")]


def test_what_nobody_meets_on_a_page_is_still_made_somewhere() -> None:
    reading = Reading(translations.ROOT)
    pages = [
        (module, name)
        for module in reading.modules
        if module.startswith(PAGES)
        for name in reading.modules[module].defined
    ]

    assert UNMET.keys() <= {one.error for one in reading.raised_from(pages)}


def test_each_refusal_is_said_in_german_whatever_stands_in_its_places() -> None:
    with COORDINATOR.mo.open("rb") as file:
        say = translator(read_catalogue(file), lambda value: value)

    for sentence in translations.refused_on_pages():
        places = re.findall(r"\{([a-z_]+)\}", sentence.text)
        said = say(sentence.text.format(**{name: f"<{name}>" for name in places}))
        [german] = translations.read_po(COORDINATOR.po)[sentence]
        assert said == german.format(**{name: f"<{name}>" for name in places})


_SOURCE: Mapping[str, str] = {
    "coordinator/pages/asking": (
        "from tripartite.coordinator import deciding\ndef ask():\n    return deciding.decide()\n"
    ),
    "coordinator/deciding": (
        "from tripartite.coordinator.errors import Late, Never\n"
        "def decide():\n    raise Late(f'Ask before {day}.')\n"
        "def other():\n    raise Never('Stop.')\n"
    ),
    "coordinator/errors": (
        'class Late(Refused):\n    """It is too late."""\n    code = "late"\n'
        'class Never(Refused):\n    """It never is."""\n    code = "never"\n'
    ),
}
