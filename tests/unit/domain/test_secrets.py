"""Secrets don't print, whatever holds them."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import asdict, dataclass

import pytest

from tripartite.domain.secrets import Secret


@dataclass(frozen=True)
class Holder:
    name: str
    password: Secret


def test_no_way_of_printing_shows_the_text() -> None:
    holder = Holder("buyer", Secret("hunter2"))
    shown = [repr(holder), str(holder.password), f"{holder.password}", f"{holder.password!s:>9}",
             str(asdict(holder)), str(vars(holder))]  # fmt: skip
    assert not [text for text in shown if "hunter2" in text]


def test_it_cannot_be_written_as_json_or_pickled() -> None:
    with pytest.raises(TypeError):
        json.dumps(asdict(Holder("buyer", Secret("hunter2"))))
    with pytest.raises(TypeError):
        pickle.dumps(Secret("hunter2"))


def test_reveal_gives_the_text_and_equality_compares_it() -> None:
    assert Secret("a").reveal() == "a"
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert copy.deepcopy(Secret("a")) == copy.copy(Secret("a")) == Secret("a")
