"""The daemon's words: structured, and without personal data."""

import io
import json
import logging

import pytest
import structlog

from dialer.adapters import logging as ours


@pytest.fixture
def words():
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    ours.configure("json", "info", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def test_an_event_is_one_line_of_json_with_its_facts(words):
    structlog.get_logger("x").info("attempt.originated", attempt="dla-1", campaign="k")
    structlog.get_logger("x").debug("too.quiet")
    (line,) = words()
    assert (line["event"], line["attempt"], line["campaign"], line["level"]) == (
        "attempt.originated",
        "dla-1",
        "k",
        "info",
    )
    assert line["timestamp"]


def test_no_personal_data_gets_through(words):
    log = structlog.get_logger("x")
    log.warning("x.y", number="+393471234567", debtor_name="Anna Rossi", note="secret")
    log.warning("x.y", error="no route to +39 347 1234567 today")
    log.warning("x.y", error="sip:3471234567@trunk failed")
    logging.getLogger("foreign").warning("call to %s failed", "+393471234567")
    try:
        int("+39 347 1234567")
    except ValueError:
        log.exception("x.failed")
        logging.getLogger("foreign").exception("x.failed")
    text = json.dumps(words())
    for leak in ("3471234567", "347 1234567", "Rossi", "secret"):
        assert leak not in text


def test_ids_and_instants_stay_readable(words):
    structlog.get_logger("x").info("a.b", attempt="dla-01m86ch4k8ag8ctj4dmh8d60qw", seconds=12.5)
    (line,) = words()
    assert line["attempt"] == "dla-01m86ch4k8ag8ctj4dmh8d60qw"
    assert line["timestamp"].startswith("20")
