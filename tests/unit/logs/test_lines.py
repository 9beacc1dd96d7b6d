"""Stories about what a log line must not say."""

from __future__ import annotations

import json
import subprocess
import sys
from textwrap import dedent

SECRET = "a-value-that-nobody-may-read"


def logged(program: str) -> list[dict[str, object]]:
    """What a process of its own logs, as it changes how all of Python logs. Every line is JSON."""
    start = f"""
        import logging, threading, structlog
        from tripartite.logs import lines
        lines.configure("info")
        log = structlog.get_logger()
        SECRET = {SECRET!r}
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(start) + dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert SECRET not in done.stderr
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_line_is_json_with_its_level_and_time() -> None:
    (line,) = logged("log.info('started', parts=['http'])")

    assert (line["event"], line["level"], line["parts"]) == ("started", "info", ["http"])
    assert str(line["timestamp"]).endswith("Z")


def test_an_exception_tells_its_type_and_place_not_its_words() -> None:
    (line,) = logged(
        """
        try:
            try:
                raise KeyError(SECRET)
            except KeyError as error:
                error.add_note(SECRET)
                raise ValueError(SECRET) from error
        except ValueError:
            log.exception("broke")
        """
    )

    chain = line["exception"]
    assert isinstance(chain, list)
    assert [one["exc_type"] for one in chain] == ["ValueError", "KeyError"]
    assert all(one["frames"] for one in chain)


def test_several_exceptions_at_once_are_no_louder() -> None:
    (line,) = logged(
        """
        try:
            raise ExceptionGroup(SECRET, [ValueError(SECRET)])
        except ExceptionGroup:
            log.exception("broke")
        """
    )

    assert "ValueError" in json.dumps(line)


def test_a_library_tells_its_template_without_the_values() -> None:
    (line,) = logged("logging.getLogger('some.library').warning('took %s seconds', SECRET)")

    assert (line["event"], line["logger"]) == ("took %s seconds", "some.library")


def test_an_exception_in_a_librarys_line_is_as_silent() -> None:
    (line,) = logged(
        """
        try:
            raise ValueError(SECRET)
        except ValueError:
            logging.getLogger("some.library").exception("broke on %s", SECRET)
        """
    )

    assert "ValueError" in json.dumps(line)


def test_what_nobody_caught_is_a_critical_line_without_its_words() -> None:
    found = logged(
        """
        def fail():
            raise ValueError(SECRET)
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        fail()
        """
    )

    assert [(line["event"], line["level"]) for line in found] == [("uncaught", "critical")] * 2
    assert "ValueError" in json.dumps(found[1])


def test_ctrl_c_is_no_news() -> None:
    assert logged("raise KeyboardInterrupt") == []
