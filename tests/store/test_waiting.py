"""What waits for a letter or a person, and what a person decides, on record in both databases."""

import asyncio
from datetime import timedelta

import pytest

from dialer.adapters.store.waiting import SqlWaiting
from dialer.cases.history import MomentKind
from dialer.cases.model import PAID, CaseState
from dialer.cases.waiting import Course, Decided
from dialer.kernel.errors import DialerError, InputError
from tests.store.test_dossier import look
from tests.store.test_record import NOW, first_case, new_case, reservation

HOUR = timedelta(hours=1)


def decided(course, case_id=1, why="ha scritto lo studio"):
    return Decided(case_id, course, why, "carla")


async def waiting(sql, until=NOW, campaign=None):
    await sql.writer.flush()
    return [one.case_id for one in await SqlWaiting(sql.engine).waiting(until, campaign, 10)]


async def test_what_waits_is_listed_the_longest_first_and_what_is_called_or_closed_is_not(sql):
    await sql.book.add("k", [new_case(n) for n in range(1, 7)], NOW)
    for case_id, at, state in (
        (1, NOW, CaseState.ESCALATED),
        (2, NOW - HOUR, CaseState.LETTER),
        (3, NOW + HOUR, CaseState.ESCALATED),
        (4, None, CaseState.LETTER),
        (5, None, CaseState.CLOSED),
    ):
        sql.book.schedule(case_id, at, state, f"because {case_id}")
    assert await waiting(sql) == [2, 1]
    assert await waiting(sql, None) == [2, 1, 3, 4]
    assert await waiting(sql, None, "another") == []
    await sql.book.add("k", [new_case(7, creditor="Gas")], NOW)
    sql.book.schedule(7, NOW, CaseState.ESCALATED, "because 7")
    await sql.writer.flush()
    of_gas = await SqlWaiting(sql.engine).waiting(NOW, None, 1, {"Gas"})
    assert [one.case_id for one in of_gas] == [7], "others' cases take no place in what is shown"
    first = (await SqlWaiting(sql.engine).waiting(NOW, "k", 1))[0]
    assert (first.state, first.due_at, first.why) == (CaseState.LETTER, NOW - HOUR, "because 2")
    assert (first.creditor, first.debtor_reference, first.campaign) == ("Luce", "D2", "k")


@pytest.mark.parametrize("course", Course)
async def test_a_decision_holds_at_once_and_stands_in_the_history_with_its_reason(sql, course):
    await first_case(sql)
    sql.book.schedule(1, NOW - HOUR, CaseState.ESCALATED, "after disputes")
    await sql.writer.flush()
    await SqlWaiting(sql.engine).decide(decided(course), NOW)
    found = await look(sql)
    assert (found.state, found.due_at) == (course.state, None if course is Course.CLOSE else NOW)
    assert found.why == f"{course.text}: decided by carla: ha scritto lo studio"
    (moment,) = found.timeline
    assert (moment.kind, moment.who, moment.at) == (MomentKind.DECISION, "carla", NOW)
    assert [case.id for case in await sql.book.due("k", NOW, 10, ())] == ([1] if course is Course.OPEN else [])


async def test_what_is_being_called_or_paid_is_not_decided_about(sql):
    case = await first_case(sql, new_case(1), new_case(2))
    await sql.open(reservation(case))
    sql.book.schedule(2, None, CaseState.CLOSED, PAID)
    await sql.writer.flush()
    for case_id, words in ((case.id, "being called"), (2, "nothing is left")):
        with pytest.raises(DialerError, match=words):
            await SqlWaiting(sql.engine).decide(decided(Course.LETTER, case_id), NOW)
        assert MomentKind.DECISION not in {moment.kind for moment in (await look(sql, case_id)).timeline}
    with pytest.raises(LookupError):
        await SqlWaiting(sql.engine).decide(decided(Course.OPEN, 99), NOW)


async def test_a_case_that_is_called_while_somebody_decides_stays_with_the_call(sql):
    """However the two fall together, a decision holds only where no call came first."""
    await sql.book.add("k", [new_case(n, numbers=(f"+3934712345{n:02d}",)) for n in range(1, 21)], NOW)
    for n, case in enumerate(await sql.book.due("k", NOW, 20, ()), 1):
        decision = SqlWaiting(sql.engine).decide(decided(Course.LETTER, case.id), NOW)
        said, opened = await asyncio.gather(decision, sql.open(reservation(case, n)), return_exceptions=True)
        found = await look(sql, case.id)
        assert (said is None) == (found.state == "letter"), (said, opened, found.why)
        assert (said is None) == (MomentKind.DECISION in {moment.kind for moment in found.timeline})
        assert (opened is None) == (found.why == "being called"), (said, opened, found.why)


@pytest.mark.parametrize("why", ["", "  ", "x" * 501, "a\nb", "carta 4111 1111 1111 1111"])
def test_a_decision_says_why_in_one_line_and_no_card(why):
    with pytest.raises(InputError) as told:
        decided(Course.OPEN, why=why)
    assert told.value.remedy
    assert "4111" not in str(told.value)
