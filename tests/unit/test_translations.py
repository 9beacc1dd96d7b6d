"""The second language is complete, and compiled from what stands in the catalogues."""

from __future__ import annotations

import pytest

from scripts import translations
from scripts.translations import AGENT, COORDINATOR, Catalogue


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
