"""The judge of the kill tests sees what it must see: each kind of failure, put there by hand."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bench.kills_judged import Exit, Found, Played, Strike, failures
from dialer.compliance.entry import Entry, EntryResult
from dialer.compliance.evidence import Fault
from dialer.demo.witness import WitnessedCall
from dialer.kernel.phone import PhoneNumber
from dialer.reports.attempts import AttemptLine

TEN = datetime(2026, 11, 24, 9, tzinfo=UTC).timestamp()  # 10:00 in Rome
NUMBERS = {"39347000": "D0", "39347001": "D0", "39347010": "D1"}
OFFSET = -86_400.0


def call(number, at, seconds=5.0, bridged=None):
    return WitnessedCall(number, TEN + at, None, TEN + at + seconds, bridged)


def line(attempt, number, at, result="busy", ended=True):
    cleared = datetime.fromtimestamp(TEN + at + OFFSET, UTC)
    nothing = dict.fromkeys(
        (
            "dialled_at",
            "rang_at",
            "caller_id",
            "trunk",
            "answered_at",
            "bridged_at",
            "abandoned_at",
            "agent",
            "cause",
            "sip",
            "outcome",
            "note",
            "right_party",
            "recorded_at",
        )
    )
    return AttemptLine(
        attempt=attempt, case_id=1, mode="progressive", campaign="c", creditor="x", debtor_reference=NUMBERS[number], number=f"+{number}", packs="p",
        cleared_at=cleared, ended_at=cleared if ended else None, result=result, refusals="", **nothing,
    )  # fmt: skip


def entry(attempt, number, result=EntryResult.BUSY, in_flight=False):
    return Entry(attempt, 1, 1, PhoneNumber(f"+{number}"), at=datetime.now(UTC), result=result, in_flight=in_flight)


def good():
    """Two kills and three calls, as they should be."""
    calls = [call("39347000", 0), call("39347001", 10), call("39347010", 60)]
    lines = [line("a", "39347000", -0.5), line("b", "39347001", 9.5), line("c", "39347010", 59.5)]
    return Played(
        seed=1, seconds=90, offset_seconds=OFFSET,
        strikes=[Strike("redis-flushed", TEN + 19.9, TEN + 20), Strike("daemon", TEN + 40, TEN + 40)],
        exits=[Exit(TEN + 40, -9, True, False), Exit(TEN + 42, 3, False, True), Exit(TEN + 90, 0, True, False)],
        debtor_of=NUMBERS, calls=calls, legs=dict.fromkeys("abc", 0.0), lines=lines,
        entries={a.attempt: entry(a.attempt, a.number[1:]) for a in lines},
        told=[(TEN + 1, "ledger.rebuilt"), (TEN + 20.2, "ledger.rebuild_began"), (TEN + 27, "ledger.rebuilt")],
        decisions=9, allowed={"a", "b", "c"}, faults=[], refused={}, audited=[], in_flight=[], resumed=[], tracebacks=0,
    )  # fmt: skip


def test_a_good_run_has_no_failure():
    assert failures(good()) == []


def more(run, number, at, attempt="d", seconds=5.0, **kind):
    """One more call, with everything that belongs to it."""
    return replace(
        run,
        calls=[*run.calls, call(number, at, seconds)],
        lines=[*run.lines, line(attempt, number, at - 0.5, **kind)],
        entries={**run.entries, attempt: entry(attempt, number)},
        allowed={*run.allowed, attempt},
    )


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda run: more(more(run, "39347000", 80), "39347001", 90, "e"), "4 calls on"),
        (lambda run: more(run, "39347001", 13), "two calls at once"),
        (lambda run: more(run, "39347010", 90), "25.0 s between two calls"),
        (lambda run: replace(run, calls=[call("39347000", 0, bridged=True), *run.calls[1:]]), "day of a conversation"),
        (lambda run: replace(run, calls=[*run.calls, call("39347000", 80)]), "that the record lacks"),
        (lambda run: replace(run, legs={**run.legs, "z": 0.0}), "leg that the record lacks"),
        (lambda run: replace(run, calls=run.calls[1:]), "the network saw no call"),
        (lambda run: replace(run, lines=[replace(run.lines[0], result="trunk_failure"), *run.lines[1:]]), "saw a call"),
        (lambda run: replace(run, lines=[replace(run.lines[0], ended_at=None), *run.lines[1:]]), "never ended"),
        (
            lambda run: replace(run, entries={**run.entries, "a": entry("a", "39347000", EntryResult.TRUNK_FAILURE)}),
            "the ledger on record says trunk_failure",
        ),
        (lambda run: replace(run, entries={"b": run.entries["b"], "c": run.entries["c"]}), "on record says nothing"),
        (
            lambda run: replace(run, entries={**run.entries, "a": entry("a", "39347000", in_flight=True)}),
            "in flight on record",
        ),
        (lambda run: replace(run, in_flight=["a"]), "in flight in Redis"),
        (lambda run: replace(run, allowed={"a", "b"}), "no allowing decision"),
        (lambda run: replace(run, allowed={"a", "b", "c", "d"}), "allowed, and no attempt"),
        (lambda run: replace(run, faults=[Fault("cell1", 3, "was changed")]), "chain cell1 at 3"),
        (lambda run: more(run, "39347000", 24), "after redis-flushed"),
        (lambda run: replace(run, told=run.told[:2]), "never rebuilt"),
        (lambda run: replace(run, exits=[Exit(TEN, 1, False, True)]), "ended by itself with 1"),
        (lambda run: replace(run, exits=[Exit(TEN, 3, False, False)]), "ended by itself with 3"),
        (lambda run: replace(run, tracebacks=1), "tracebacks"),
        (lambda run: replace(run, audited=[Found("count", "a", "too many")]), "dialer audit: a: too many"),
        (lambda run: replace(run, audited=[Found("cdr-answered", "a", "not so")]), "dialer audit: a: not so"),
        (lambda run: replace(run, strikes=[*run.strikes, Strike("postgres", TEN + 70, TEN + 70)]), "no call after"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_seen(spoil, word):
    found = failures(spoil(good()))
    assert any(word in text for text in found), found
