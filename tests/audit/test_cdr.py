"""A carrier's CDR: read whatever its columns are called, held against the record, recounted alone."""

from datetime import timedelta

import pytest

from dialer.audit import carrier, cdr
from dialer.audit.auditor import Bench
from dialer.audit.instants import instant, micros
from dialer.audit.law import Library
from dialer.audit.record import PlacedOutside
from dialer.audit.report import Report
from dialer.compliance.entry import Agreement, Consent, Flag
from dialer.kernel.errors import InputError
from tests.audit.house import NUMBER, OTHER, TUESDAY, Book

DIGITS = NUMBER.removeprefix("+")
HOUR = timedelta(hours=1)


def at(*, hours=0, seconds=0.0):
    return (TUESDAY + timedelta(hours=hours, seconds=seconds)).isoformat()


def test_columns_are_found_by_name_in_any_order_and_other_names_are_known():
    for text in (
        f"start,number,duration,answered\n{at()},{NUMBER},62.5,yes\n",
        f"disposition;billsec;dst;duration;calldate\nANSWERED;9;0039 347 123-4567;62,5;{at()}\n",
        f"\ufeffNumber\tStart Time\tEnd\tAnswered At\n{DIGITS}\t{TUESDAY.timestamp():.3f}\t{at(seconds=62.5)}\t{at(seconds=9)}\n",
        "start,number,end,disposition\n2026-11-24 10:00:00+01:00,+393471234567,2026-11-24T09:01:02.5,ANSWERED\n\n",
    ):
        (call,) = carrier.parse(text.lstrip("\ufeff"), "c.csv")
        assert (call.number, instant(call.start), call.answered) == (DIGITS, TUESDAY, True), text
        assert call.end - call.start == 62_500_000


def test_the_phone_networks_own_file_has_no_header():
    epoch = TUESDAY.timestamp()
    text = f"{DIGITS},{epoch:.6f},0.000000,{epoch + 28:.6f},NO ANSWER,\n{DIGITS},{epoch + 100:.6f},{epoch + 105},{epoch + 109},ANSWERED,voice\n"
    first, second = carrier.parse(text, "network.csv")
    assert (first.answered, second.answered) == (False, True)
    assert (second.start - first.start, second.end - second.start) == (100_000_000, 9_000_000)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "c.csv:1:1: empty"),
        ("when,whom\n1,2\n", "c.csv:1:1: no column start"),
        ("start,dst,number\n", "c.csv:1:3: two columns are the number"),
        (f"start,number\nyesterday,{NUMBER}\n", "c.csv:2:1: start: 'yesterday' is no instant"),
        (
            f"number,start\n{NUMBER},{at()}\n0694801234,{at()}\n",
            "c.csv:3:1: number: …34 is no number with its country code",
        ),
        (f"start,number\n{at()},\n", "c.csv:2:2: number: an empty cell"),
        (f"start,number,duration\n{at()},{NUMBER},long\n", "c.csv:2:3: duration: 'long'"),
        (f"start,number,end\n{at()},{NUMBER},{at(hours=-1)}\n", "c.csv:2:3: end: ends before it starts"),
        (f"start,number,end\n{at()},{NUMBER},never\n", "c.csv:2:3: end: 'never'"),
        (f"start,number,answered\n{at()},{NUMBER},perhaps\n", "c.csv:2:3: answered: 'perhaps'"),
        (f'start,number\n{at()},"{NUMBER}\n', "c.csv:2:1: not CSV"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_column(text, where):
    with pytest.raises(InputError) as error:
        carrier.parse(text, "c.csv")
    assert str(error.value).startswith(where)
    assert error.value.remedy


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(InputError, match="can't be read"):
        carrier.read(tmp_path / "none.csv")
    (tmp_path / "raw.csv").write_bytes(b"\xff\xfe\x00start")
    with pytest.raises(InputError, match=r"raw\.csv"):
        carrier.read(tmp_path / "raw.csv")


async def join(book, rows, columns="start,number,duration,answered,id", offset=0):
    text = columns + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    report = Report(None, micros(TUESDAY) + 10**12)
    joined = await cdr.join(
        carrier.parse(text, "c.csv"), book, Bench(Library.read()), report, offset=offset, name="c.csv"
    )
    return joined, report


async def test_calls_of_both_sides_are_matched_by_number_and_start_or_by_our_id():
    book = Book()
    book.call(TUESDAY, "no_answer", lasts=25)
    with_id = book.call(TUESDAY + 3 * HOUR, "busy", lasts=2, number=OTHER)
    book.call(TUESDAY + 4 * HOUR, "trunk_failure", debtor=2, lasts=0.1)
    rows = [(at(seconds=4.9), NUMBER, 20, "no", ""), (at(hours=3, seconds=400), OTHER, 2, "no", with_id.id)]
    joined, report = await join(book, rows)
    assert report.clean
    assert (joined.calls, joined.matched, joined.lacking) == (2, 2, [])


async def test_a_call_to_somebody_outside_is_on_record_once_and_no_cap_counts_it():
    book = Book()
    book.call(TUESDAY, "no_answer", lasts=25)
    leg = "dlo-" + "0" * 26
    book.outside = [PlacedOutside("", OTHER, micros(TUESDAY + HOUR)), PlacedOutside(leg, OTHER, 0)]
    rows = [
        (at(), NUMBER, 25, "no", ""),
        (at(hours=1, seconds=4), OTHER, 9, "yes", ""),
        (at(hours=15), OTHER, 9, "yes", leg),
    ]
    joined, report = await join(book, rows)
    assert report.clean
    assert (joined.calls, joined.matched, joined.outside) == (3, 3, 2)
    _, report = await join(book, [*rows, (at(hours=1, seconds=5), OTHER, 9, "yes", "")])
    assert [one.subject for one in report.violations if one.rule == "cdr-not-on-record"] == ["c.csv:5"]


async def test_a_call_that_the_record_lacks_is_the_gravest():
    book = Book()
    book.call(TUESDAY, "no_answer", lasts=25)
    rows = [
        (at(), NUMBER, 25, "no", ""),
        (at(hours=3), NUMBER, 25, "no", ""),
        (at(seconds=5.1), OTHER, 1, "no", "dla-x"),
    ]
    _, report = await join(book, rows)
    assert [(one.rule, one.subject) for one in report.violations if one.rule == "cdr-not-on-record"] == [
        ("cdr-not-on-record", "c.csv:4"),
        ("cdr-not-on-record", "c.csv:3"),
    ]
    assert DIGITS not in str(report.as_json())


async def test_a_call_on_record_that_the_carrier_lacks_is_reported_and_is_no_violation():
    book = Book()
    for hours in (0, 3, 6):
        book.call(TUESDAY + hours * HOUR, "no_answer", lasts=25)
    joined, report = await join(book, [(at(), NUMBER, 25, "no", ""), (at(hours=6), NUMBER, 25, "no", "")])
    assert report.clean
    assert [placed.id for placed in joined.lacking] == [list(book.placed)[1]]


async def test_answered_by_the_carrier_and_not_on_record():
    book = Book()
    placed = book.call(TUESDAY, "no_answer", lasts=25)
    _, report = await join(book, [(at(), NUMBER, 25, "yes", "")])
    assert [(one.rule, one.subject) for one in report.violations] == [("cdr-answered", placed.id)]


async def test_a_call_that_never_left_our_side_by_the_record_and_that_the_carrier_has():
    book = Book()
    placed = book.call(TUESDAY, "trunk_failure", lasts=0.1)
    _, report = await join(book, [(at(), NUMBER, 25, "no", "")])
    assert [(one.rule, one.subject) for one in report.violations] == [("cdr-never-left", placed.id)]
    _, report = await join(book, [(at(), NUMBER, 0, "FAILED", "")])
    assert report.clean


async def test_two_calls_are_not_one():
    book = Book()
    book.call(TUESDAY, "no_answer", lasts=1)
    _, report = await join(book, [(at(), NUMBER, 1, "no", ""), (at(seconds=2), NUMBER, 1, "no", "")])
    assert report.by_rule["cdr-not-on-record"] == 1


async def test_an_offset_brings_the_clocks_together():
    book = Book()
    book.call(TUESDAY + 3 * HOUR, "no_answer", lasts=25)
    joined, report = await join(book, [(at(), NUMBER, 25, "no", "")], offset=3 * 3600 * 10**6)
    assert report.clean
    assert joined.matched == 1


async def test_the_caps_are_recounted_from_the_cdr_alone():
    """The record says less than happened, and even the debtor's second number is counted together."""
    book = Book()
    for hours, number in ((0, NUMBER), (2.1, OTHER), (4.2, NUMBER)):
        book.call(
            TUESDAY + hours * HOUR, "busy", lasts=2, number=number
        )  # busy doesn't ring: by our word nothing counts
    book.call(TUESDAY + 6.3 * HOUR, "no_answer", lasts=25)
    rows = [
        (at(hours=hours), number, 25, "no", "")
        for hours, number in ((0, NUMBER), (2.1, OTHER), (4.2, NUMBER), (6.3, NUMBER))
    ]
    _, report = await join(book, rows)
    assert [(one.rule, one.subject) for one in report.violations] == [("attempts-per-day", "c.csv:5")]
    assert report.violations[0].words.startswith("by the CDR alone, to …67: 3 rang in local_days:1")
    assert report.recounted["CDR: it-unirec: attempts-per-day"] == 4
    assert "conversations-per-day" not in str(report.recounted)


async def test_gaps_hours_and_calls_at_once_by_the_cdr_alone():
    book = Book()
    book.call(TUESDAY, "no_answer", lasts=25)
    rows = [
        (at(), NUMBER, 25, "no", ""),
        (at(seconds=10), NUMBER, 1, "no", ""),
        (at(hours=1), NUMBER, 25, "no", ""),
        (at(hours=12), NUMBER, 1, "no", ""),
    ]
    _, report = await join(book, rows)
    by_line = {subject: sorted(one.rule for one in report.violations if one.subject == subject) for subject in
               ("c.csv:2", "c.csv:3", "c.csv:4", "c.csv:5")}  # fmt: skip
    assert by_line["c.csv:2"] == []
    assert by_line["c.csv:3"] == ["cdr-not-on-record", "in-flight"]
    assert by_line["c.csv:4"] == ["cdr-not-on-record", "gap-debtor", "gap-number"]
    assert by_line["c.csv:5"] == ["attempts-per-day", "cdr-not-on-record", "hours"]


async def test_what_the_debtor_allowed_counts_in_the_cdr_too():
    book = Book("us-reg-f")
    zone = "America/New_York"
    rows = []
    for n in range(8):
        begun = TUESDAY + 6 * HOUR + n * 2.5 * HOUR + (14 * HOUR if n > 3 else 0 * HOUR)
        book.call(begun, "no_answer", lasts=25, zones=(zone,), zone=zone)
        rows.append((begun.isoformat(), NUMBER, 25, "no", ""))
    _, report = await join(book, rows)
    assert "calls-7-in-7" in report.by_rule
    book.line(Consent("c", 1, 1, at=TUESDAY))
    book.line(Agreement("a", 1, 1, start=TUESDAY, until=TUESDAY + HOUR))
    book.line(Flag("f", 1, 1, name="cease"))
    _, report = await join(book, rows)
    assert "calls-7-in-7" not in report.by_rule


async def test_a_cdr_without_a_call_proves_nothing_and_says_so():
    joined, report = await join(Book(), [])
    assert joined.calls == 0
    assert "nothing could be compared" in report.notes[0]


async def test_a_cdr_without_ends_says_what_that_means():
    book = Book()
    book.call(TUESDAY, "no_answer", lasts=25)
    _, report = await join(book, [(at(), NUMBER)], columns="start,number")
    assert any("doesn't say when its calls ended" in note for note in report.notes)


async def test_a_number_that_nobody_knows_and_no_pack_to_judge_it_by():
    _, report = await join(Book(), [(at(), NUMBER, 1, "no", "")])
    assert list(report.by_rule) == ["cdr-not-on-record"]
    assert ("CDR", "which packs apply to a call that isn't on record") in report.not_judged
