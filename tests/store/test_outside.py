"""Calls to somebody outside, on record: durable before the PBX hears of them, and found by the next start."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dialer.adapters.store.audit import SqlAuditRecord
from dialer.adapters.store.outside import SqlOutside
from dialer.audit.instants import micros
from dialer.cases.debtor import Guarantor
from dialer.compliance.outside import OutsideCall, OutsideIntent
from tests.store.test_record import MOBILE, NOW, new_case

LEG = "dlo-0000000000000000000000000"
OFFICE, FIRST, GUARANTOR = "+390612340010", "+393470009900", "+393470009910"


@pytest.fixture
async def outside(store):
    """The port over a record with one case."""
    case = replace(new_case(), guarantors=(Guarantor("Rosa", "", (FIRST, GUARANTOR)), Guarantor("Ugo")))
    await store.book.add("k", [case], NOW)
    return store.book.outside if store.engine is None else SqlOutside(store.engine, store.writer)


def call(n, **intent):
    values = {"number": OFFICE, "caller_id": "+390694801234", "trunk": "trunk"} | intent
    return OutsideCall(f"{LEG}{n}", OutsideIntent("dla-" + "0" * 26, 1, "k", "anna", "office", **values), NOW)


async def test_a_call_comes_back_as_it_stood_until_it_ends(outside, store):
    office = call(1)
    boss = call(2, number=None, caller_id=None, trunk="", phone="PJSIP/boss")
    for one in (office, boss):
        await outside.open_outside(one)
    await outside.open_outside(office)  # said again after a commit that nobody knows of
    kept = {office.leg: office, boss.leg: replace(boss, intent=replace(boss.intent, phone=None))}
    assert {one.leg: one for one in await outside.outside_under_way()} == kept
    office.bridged_at, office.handed_over_at = NOW + timedelta(seconds=3), NOW + timedelta(seconds=9)
    outside.save_outside(office)
    boss.ended_at = NOW + timedelta(seconds=5)
    outside.save_outside(boss)
    await store.attempts.flush()
    assert await outside.outside_under_way() == [office]


async def test_a_number_is_a_debtors_where_a_debtor_or_a_guarantor_has_it_whole(outside):
    assert [await outside.is_debtors(number) for number in (MOBILE, FIRST, GUARANTOR)] == [True] * 3
    assert [await outside.is_debtors(number) for number in (OFFICE, GUARANTOR[:-1], "%")] == [False] * 3


async def test_the_auditor_finds_those_that_went_by_a_trunk_within_a_time(sql):
    await sql.book.add("k", [new_case()], NOW)
    outside = SqlOutside(sql.engine, sql.writer)
    await outside.open_outside(call(1))
    await outside.open_outside(call(2, number=None, caller_id=None, trunk=""))
    record, at = SqlAuditRecord(sql.engine), micros(NOW)
    (one,) = (await record.around({OFFICE[1:]}, at, at)).outside
    assert (one.id, one.number, one.asked_at) == (f"{LEG}1", OFFICE, at)
    assert (await record.around({OFFICE[1:]}, at + 1, at + 2)).outside == []
