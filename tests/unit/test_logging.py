"""The daemon's words: structured, of which call they are, and without personal data on whatever way it tries to get in."""

import ast
import asyncio
import io
import json
import logging
import re
from pathlib import Path
from types import SimpleNamespace

import pydantic
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from structlog.contextvars import bound_contextvars
from typer.testing import CliRunner

import dialer
from dialer.adapters import logging as ours
from dialer.cli import app
from dialer.kernel.errors import AwayError, PbxRefusedError

ID = "dla-01m86ch4k8ag8ctj4dmh8d60qw"
NUMBER, NAME, TAX_CODE = "+393471234567", "Anna Rossi", "RSSNNA80A41H501X"
LEAKS = ("3471234567", "347 1234567", "Rossi", "Anna", TAX_CODE, "secret", "anna@")


@pytest.fixture(params=["json", "console"])
def spoken(request):
    """What was written, as text."""
    with Configured(request.param) as stream:
        yield stream.getvalue


@pytest.fixture
def words():
    with Configured("json") as stream:
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


class Configured:
    def __init__(self, form):
        self.form = form

    def __enter__(self):
        root, stream = logging.getLogger(), io.StringIO()
        self.before = root.handlers[:], root.level
        ours.configure(self.form, "info", stream)
        return stream

    def __exit__(self, *_):
        root = logging.getLogger()
        root.handlers, root.level = self.before
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


# -- what tries to leak ------------------------------------------------------------------------------------


def fields(log):
    log.warning("x.tried", number=NUMBER, debtor_name=NAME, note="secret", phones=[NUMBER], digits=393471234567)
    log.warning("x.tried", before={"name": NAME, "mode": NUMBER}, reasons=[NUMBER, ("call", NUMBER)])
    log.warning("x.tried", before={NUMBER: 1, 3471234567: 2})


def values(log):
    log.warning("x.tried", error="no route to +39 347 1234567 today", why=f"its tax code is {TAX_CODE}")
    log.warning("x.tried", error="sip:3471234567@trunk failed", reason="write to anna@example.org")
    log.warning("x.tried", error=f"Channel PJSIP/{NUMBER}@trunk doesn't exist, nor tel{NUMBER[1:]} or 347/1234567")
    log.warning("x.tried", error=f"column: '{NAME}', \"{NAME}\" and {NAME!r}")


def the_event_itself(log):
    event = f"call to {NUMBER} failed"
    log.warning(event)


def an_error_in_the_amis_words(log):
    def ask():
        raise PbxRefusedError(f"Asterisk refuses Redirect: no channel PJSIP/{NUMBER}@trunk")

    try:
        ask()
    except PbxRefusedError as error:
        log.warning("x.tried", error=str(error))
        log.exception("x.failed")


def sql_parameters_in_a_traceback(log):
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            connection.execute(text("insert into nowhere values (:n, :p)"), {"n": NAME, "p": NUMBER})
    except SQLAlchemyError as error:
        assert NAME in str(error)  # that is what must not get through
        log.exception("x.failed")
    engine.dispose()


def a_form_that_does_not_fit(log):
    class Form(pydantic.BaseModel):
        amount: int

    try:
        Form(amount=NAME)
    except pydantic.ValidationError as error:
        assert NAME in str(error)
        log.exception("x.failed")


def a_chain_of_errors(log):
    try:
        try:
            _ = {}[NAME]
        except KeyError as error:
            raise ExceptionGroup("two", [ValueError(NUMBER), ValueError(NAME)]) from error
    except ExceptionGroup:
        log.exception("x.failed")


def a_variable_of_a_frame(log):
    debtor = {"name": NAME, "number": NUMBER}
    try:
        _ = debtor["amount"]
    except KeyError:
        log.exception("x.failed")


def another_library(log):
    foreign = logging.getLogger("foreign")
    foreign.warning("call to %s failed", NUMBER)
    foreign.warning("debtor %s", NAME)
    foreign.error("body: %r", {"name": NAME})
    try:
        int(NUMBER + NAME)
    except ValueError:
        foreign.exception("it failed")


def a_task_that_nobody_awaited(log):
    async def fail():
        raise ValueError(f"{NAME} {NUMBER}")

    async def forget():
        task = asyncio.get_running_loop().create_task(fail())
        await asyncio.wait([task])
        asyncio.get_running_loop().call_exception_handler(
            {"message": "Task exception was never retrieved", "exception": ValueError(NAME), "future": None}
        )
        task.exception()

    asyncio.run(forget())


WAYS = [
    fields, values, the_event_itself, an_error_in_the_amis_words, sql_parameters_in_a_traceback,
    a_form_that_does_not_fit, a_chain_of_errors, a_variable_of_a_frame, another_library, a_task_that_nobody_awaited,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_person_gets_through(spoken, way):
    way(structlog.get_logger("x"))
    said = spoken()
    assert said.strip()
    assert [leak for leak in LEAKS if leak in said] == []


@given(
    st.sampled_from(
        [
            NUMBER,
            "3471234567",
            "+44 20 7946 0018",
            "02.1234.5678",
            "347/1234567",
            "347-123-4567",
            "06) 123 4567",
            "+39 (06) 1234567",
        ]
    ),
    st.text(max_size=12).filter(lambda text: not re.search(r"[0-9.]$", text)),
    st.text(max_size=12).filter(lambda text: not re.match(r"[0-9]", text)),
)
def test_no_number_gets_through_whatever_stands_around_it(number, before, after):
    said = ours.redact(None, "", {"error": f"{before}{number}{after}"})["error"]
    assert number not in said


# -- what must stay readable ---------------------------------------------------------------------------------


def test_ids_days_addresses_and_our_own_words_stay_readable(words):
    why = (
        "limited by the trunk's 5 calls per second; it doesn't answer 127.0.0.1:5038, 'dialer' of 192.168.100.200:5060"
    )
    structlog.get_logger("x").info(
        "a.b", attempt=ID, seconds=12.5, bytes=9_000_000, why=why, error=f"{ID} since 2026-11-24T09:15:00"
    )
    (line,) = words()
    assert (line["attempt"], line["seconds"], line["bytes"], line["why"]) == (ID, 12.5, 9_000_000, why)
    assert line["error"] == f"{ID} since 2026-11-24T09:15:00"
    assert line["timestamp"].startswith("20")


def test_an_error_says_its_kind_its_place_what_it_came_from_and_where_they_are_ours_its_words(words):
    def fails():
        raise OSError(28, "No space left on device", "/var/lib/rossi")

    try:
        try:
            fails()
        except OSError as error:
            raise AwayError("the record can't be written") from error
    except AwayError:
        structlog.get_logger("x").exception("record.failed")
    (line,) = words()
    trace = line["exception"].splitlines()
    assert re.search(r"test_logging\.py:\d+ in fails$", trace[1])
    assert trace[2:4] == ["OSError: No space left on device", "and then:"]
    assert trace[-1] == "AwayError: the record can't be written"
    assert "rossi" not in line["exception"]


def test_what_is_done_about_a_call_says_which_one(words):
    log = structlog.get_logger("x")
    with bound_contextvars(attempt=ID, campaign="k"):
        log.info("a.said")
        log.info("a.said", attempt=ID)
        log.info("a.said", attempt="another")  # of which the campaign isn't this one's
    log.info("a.said")
    assert [(line.get("attempt"), line.get("campaign")) for line in words()] == [
        (ID, "k"),
        (ID, "k"),
        ("another", None),
        (None, None),
    ]


# -- how the code says it ------------------------------------------------------------------------------------


def spoken_events():
    """Every call of a logger in the code: where it is, its event (two where it chooses), and its keys."""
    for file in Path(dialer.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            if not isinstance(called, ast.Attribute) or called.attr not in LEVELS:
                continue
            if isinstance(called.value, ast.Name) and called.value.id == "log" and node.args:
                choices = [node.args[0]]
                if isinstance(node.args[0], ast.IfExp):
                    choices = [node.args[0].body, node.args[0].orelse]
                yield f"{file.name}:{node.lineno}", choices, [word.arg for word in node.keywords if word.arg]


LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
IRREGULAR = {
    "began", "broken", "cut", "fallen", "found", "given", "held", "hung", "kept", "known", "learnt", "left", "lost", "read", "rebuilt",
    "sent", "told", "taken", "unknown", "withheld", "written",
}  # fmt: skip


def test_events_are_named_noun_and_verb_past():
    events = list(spoken_events())
    assert len(events) > 60
    for where, choices, _ in events:
        for choice in choices:
            assert isinstance(choice, ast.Constant), f"{where}: the event isn't a constant"
            assert re.fullmatch(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*", choice.value), f"{where}: {choice.value}"
            verbs = choice.value.partition(".")[2].split("_")
            past = any(verb.endswith("ed") or verb in IRREGULAR for verb in verbs)
            assert past, f"{where}: {choice.value} says nothing that happened"


def test_a_logger_has_no_other_name_under_which_it_would_not_be_looked_at():
    texts = [file.read_text() for file in Path(dialer.__file__).parent.rglob("*.py")]
    assert not [line for text in texts for line in re.findall(rf"log\.(?:{'|'.join(LEVELS)})\b(?!\()", text)]


def test_what_the_code_says_is_not_hidden_by_mistake():
    figures = {
        "again", "agents", "attempts", "bytes", "calls", "campaigns", "cases", "connects", "dialling", "exit_code",
        "failures", "idle", "jobs", "kept", "lines", "not_judged", "risk_last", "risk_next", "seconds", "tries",
        "waiting", "wanted",
    }  # fmt: skip
    for where, _, keys in spoken_events():
        assert not set(keys) - ours.SAID - figures, f"{where}: {set(keys) - ours.SAID - figures}"


def test_a_daemon_that_crashes_says_what_and_where_but_not_whose(tmp_path, monkeypatch, capsys):
    (tmp_path / "dialer.toml").write_text("")

    class Crashing:
        def __init__(self, *_):
            pass

        async def run(self):
            raise ValueError(f"{NAME} {NUMBER}")

    monkeypatch.setattr(
        "dialer.settings.load", lambda _: SimpleNamespace(log=SimpleNamespace(format="json", level="info"))
    )
    monkeypatch.setattr("dialer.app.Daemon", Crashing)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        done = CliRunner().invoke(app, ["run", "-c", str(tmp_path / "dialer.toml")])
    finally:
        root.handlers, root.level = before
        structlog.reset_defaults()
    said = done.output + capsys.readouterr().err
    assert done.exit_code == 1
    assert '"event": "daemon.crashed"' in said
    assert "ValueError" in said
    assert [leak for leak in LEAKS if leak in said] == []
