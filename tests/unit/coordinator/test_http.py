"""Stories about what every request meets first."""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.test import RequestFactory

from tripartite.coordinator.ops.http import MAX_BODY_BYTES, answer_with_problems


def refused(request: HttpRequest) -> HttpResponse:
    raise AssertionError("the view must not be reached")


def ask(request: HttpRequest) -> tuple[int, dict[str, object]]:
    response = answer_with_problems(refused)(request)
    assert isinstance(response, HttpResponse)
    assert response["Content-Type"] == "application/problem+json"
    return response.status_code, json.loads(response.content)


def test_a_failure_of_ours_tells_nothing_about_us() -> None:
    failing = answer_with_problems(lambda _: HttpResponseServerError("Traceback: secret"))

    response = failing(RequestFactory().get("/", SERVER_NAME="127.0.0.1"))

    assert isinstance(response, HttpResponse)
    body = json.loads(response.content)
    assert (response.status_code, body["code"]) == (500, "internal_error")
    assert "secret" not in response.content.decode()


def test_a_host_we_are_not_is_not_answered() -> None:
    status, body = ask(RequestFactory().get("/", SERVER_NAME="evil.example"))

    assert (status, body["code"]) == (400, "request_malformed")


def test_a_length_past_the_limit_is_refused_by_its_header_alone() -> None:
    request = RequestFactory().post(
        "/", b"{}", content_type="application/json", CONTENT_LENGTH=str(MAX_BODY_BYTES + 1)
    )

    status, body = ask(request)

    assert (status, body["code"], body["limit"]) == (413, "body_too_large", MAX_BODY_BYTES)


def test_a_body_that_is_not_json_is_refused() -> None:
    status, body = ask(RequestFactory().post("/", {"form": "field"}, SERVER_NAME="127.0.0.1"))

    assert (status, body["code"]) == (415, "content_type_unknown")
