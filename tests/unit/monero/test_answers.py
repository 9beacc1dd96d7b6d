"""An answer of the wrong shape is refused where it is read."""

from __future__ import annotations

import pytest

from tripartite.monero.answers import Answer
from tripartite.monero.errors import RpcAnswerUnreadable


def test_fields_are_read_with_their_types() -> None:
    answer = Answer.of(
        "get",
        {"n": 5, "t": "x", "f": True, "o": {"n": 1}, "l": [{"n": 2}], "a": [1, 2], "s": ["y"]},
    )
    assert (answer.integer("n"), answer.text("t"), answer.flag("f")) == (5, "x", True)
    assert answer.part("o").integer("n") == 1
    assert [one.integer("n") for one in answer.parts("l")] == [2]
    assert answer.amounts("a") == (1, 2)
    assert answer.texts("s") == ("y",)


def test_monero_leaves_empty_lists_out() -> None:
    answer = Answer.of("get", {})
    assert (answer.parts("l"), answer.amounts("l"), answer.texts("l")) == ((), (), ())


@pytest.mark.parametrize("value", [1.0, 1.5, "1", True, None, -1, [1], {}])
def test_money_is_a_whole_number_or_nothing(value: object) -> None:
    with pytest.raises(RpcAnswerUnreadable) as error:
        Answer.of("get_balance", {"balance": value}).amount("balance")
    assert error.value.facts == {"method": "get_balance", "field": "balance"}


@pytest.mark.parametrize("value", [None, [], "text", 3])
def test_what_is_no_object_is_no_answer(value: object) -> None:
    with pytest.raises(RpcAnswerUnreadable):
        Answer.of("get", value)
    with pytest.raises(RpcAnswerUnreadable):
        Answer.of("get", {"o": value}).part("o")


def test_an_error_never_shows_what_was_answered() -> None:
    with pytest.raises(RpcAnswerUnreadable) as error:
        Answer.of("query_key", {"key": {"seed": "abandon"}}).text("key")
    assert "abandon" not in str(error.value)
