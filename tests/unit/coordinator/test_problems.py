"""Stories about refusals as RFC 9457 problems."""

from __future__ import annotations

import json

import pytest

from scripts.generate_docs import error_leaves, import_everything
from tripartite.coordinator.ops.problems import STATUS, problem_of
from tripartite.domain.errors import Refused, Tampered, TripartiteError, Unavailable

import_everything()
# What the coordinator can meet: its own errors and those of the layers below it.
OURS = ("coordinator", "monero", "protocol", "domain")
LEAVES = sorted(
    (leaf for leaf in error_leaves() if leaf.__module__.split(".")[1] in OURS),
    key=lambda leaf: leaf.code,
)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.code)
def test_every_error_becomes_a_problem(leaf: type[TripartiteError]) -> None:
    error = leaf("Do this next.")

    response = problem_of(error)

    body = json.loads(response.content)
    assert response["Content-Type"] == "application/problem+json"
    assert body["code"] == leaf.code
    assert body["status"] == response.status_code
    assert 400 <= response.status_code < 600
    assert body["type"] == f"urn:tripartite:error:{leaf.code}"
    assert body["detail"] == "Do this next."


def test_a_branch_says_what_a_status_means() -> None:
    """Codes with a status of their own keep to the meaning of their branch."""
    for leaf in LEAVES:
        status = problem_of(leaf("")).status_code
        if issubclass(leaf, Unavailable):
            assert status == 503, leaf
        elif issubclass(leaf, Tampered):
            assert status == 409, leaf
        else:
            assert issubclass(leaf, Refused)
            assert status < 500, leaf


def test_the_table_of_statuses_names_only_codes_that_exist() -> None:
    assert set(STATUS) <= {leaf.code for leaf in LEAVES}


def test_facts_cannot_overwrite_what_the_problem_says() -> None:
    class Odd(Refused):
        """Odd."""

        code = "test_odd"

    body = json.loads(problem_of(Odd("x", status=200, limit=5)).content)

    assert (body["status"], body["limit"]) == (422, 5)
