"""What others say enters the ledger: it counts at once, is on record, and bad words change nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from dialer.campaigns.asking import intent_for
from dialer.cases.model import CaseState
from dialer.compliance.entry import Agreement, Blackout, Consent, Entry, Flag
from dialer.compliance.gate import subject_of
from dialer.compliance.verdict import Verdict
from dialer.testing.public import Behaviour
from tests.web.test_api import Site

CONTACT = {"kind": "contact", "reference": "pbx-77", "direction": "inbound", "result": "conversation"}
GOOD = [
    (CONTACT, Entry),
    ({"kind": "flag", "name": "dispute"}, Flag),
    ({"kind": "flag", "name": "moratorium", "until": "2027-01-01T00:00:00+01:00"}, Flag),
    (
        {"kind": "agreement", "start": "2026-11-24T16:00:00+01:00", "until": "2026-11-24T18:00:00+01:00"},
        Agreement,
    ),
    ({"kind": "consent"}, Consent),
    ({"kind": "blackout", "weekdays": [0, 4], "start": "12:00", "end": "14:00"}, Blackout),
]
BAD = [
    {},
    [],
    {"kind": "gossip"},
    CONTACT | {"result": "nice"},
    CONTACT | {"reference": "a b"},
    CONTACT | {"at": "2099-01-01T00:00:00Z"},
    CONTACT | {"at": "2026-11-24T08:00:00"},
    CONTACT | {"number": "+390212345678"},
    CONTACT | {"number": "0212345678"},
    CONTACT | {"debts": [77]},
    CONTACT | {"surprise": 1},
    {"kind": "flag", "name": "unheard-of"},
    {"kind": "flag", "name": "Dispute!"},
    {"kind": "flag", "name": "dispute", "until": "2026-11-01T00:00:00+01:00"},
    {"kind": "flag", "name": "dispute", "evidence": "paid by 4111 1111 1111 1111"},
    {"kind": "flag", "name": "dispute", "by": "x\n"},
    {"kind": "agreement", "start": "2026-11-24T18:00:00+01:00", "until": "2026-11-24T16:00:00+01:00"},
    {"kind": "consent", "at": "2099-01-01T00:00:00Z"},
    {"kind": "blackout", "weekdays": [], "start": "12:00", "end": "14:00"},
    {"kind": "blackout", "weekdays": [7], "start": "12:00", "end": "14:00"},
    {"kind": "blackout", "weekdays": [1], "start": "12:00", "end": "12:00"},
]


@pytest.fixture
async def site():
    async with Site() as site:
        await site.house.cases(Behaviour.PERSON)
        yield site


async def tell(site, body, case=1):
    return await site.ask("POST", "/api/v1/ledger", body if isinstance(body, list) else {"case": case, **body})


async def verdict(site):
    house = site.house
    case = await house.record.case(1)
    intent = intent_for(house.campaign, case, case.numbers[0].number, house.gate.law.packs)
    return house.gate.judge(intent, house.ledger.standing(subject_of(intent)), house.clock.now())


@pytest.mark.parametrize(("body", "kind"), GOOD)
async def test_each_kind_of_word_is_on_record_and_counts(site, body, kind):
    status, answer = await tell(site, body)
    assert status == 200, answer
    kept = site.house.record.lines[answer["id"]]
    assert isinstance(kept, kind)
    case = await site.house.record.case(1)
    subject = site.house.ledger.standing(subject_of(intent_for(site.house.campaign, case, case.numbers[0].number, {})))
    assert kept in subject.lines


@pytest.mark.parametrize("body", BAD, ids=str)
async def test_what_cannot_be_so_is_refused_in_words_and_changes_nothing(site, body):
    status, answer = await tell(site, body)
    assert status == 400, answer
    assert answer["title"]
    assert answer["remedy"]
    assert site.house.record.lines == {}


async def test_a_case_that_is_not_there_is_said(site):
    assert (await tell(site, CONTACT, case=99))[0] == 404


async def test_a_flag_stops_calls_until_it_is_lifted_and_the_case_is_asked_about_again(site):
    assert await verdict(site) == Verdict(versions=(await verdict(site)).versions)
    await tell(site, {"kind": "flag", "name": "dispute"})
    assert (await verdict(site)).reasons == ("dispute",)
    site.house.record.cases[1].due_at = site.house.clock.now() + timedelta(days=9)
    status, _ = await tell(site, {"kind": "lift", "name": "dispute"})
    assert status == 200
    assert (await verdict(site)).allowed
    case = site.house.record.cases[1]
    assert case.due_at <= site.house.clock.now()
    assert case.why == "dispute was lifted"


@pytest.mark.parametrize("state", [CaseState.CLOSED, CaseState.LETTER, CaseState.ESCALATED])
@pytest.mark.parametrize("word", [{"kind": "lift", "name": "dispute"}, GOOD[3][0]], ids=["lift", "agreement"])
async def test_nothing_that_is_said_opens_a_case_that_is_not_open(site, state, word):
    case = site.house.record.cases[1]
    case.state, case.due_at, case.why = state, None, "it came to that"
    assert (await tell(site, word))[0] == 200
    assert (case.state, case.due_at, case.why) == (state, None, "it came to that")


async def test_the_same_contact_told_twice_counts_once_and_the_last_word_holds(site):
    await tell(site, CONTACT | {"direction": "outbound"})
    assert "conversations-per-day" in (await verdict(site)).reasons
    await tell(site, CONTACT | {"direction": "outbound", "result": "third_party"})
    assert "conversations-per-day" not in (await verdict(site)).reasons
    assert len(site.house.record.lines) == 1


async def test_a_number_that_must_not_be_called_is_nobodys(site):
    number = (await site.house.record.case(1)).numbers[0].number
    status, answer = await tell(site, {"kind": "flag", "name": "do-not-call", "number": number})
    assert status == 200
    assert site.house.record.lines[answer["id"]].debtor_id is None


async def test_an_agreed_time_is_when_the_case_is_due(site):
    await tell(site, GOOD[3][0])
    assert site.house.record.cases[1].due_at == datetime(2026, 11, 24, 15, tzinfo=UTC)


async def test_the_same_reference_for_another_debtor_is_another_contact(site):
    await site.house.cases(Behaviour.PERSON)
    others = max(site.house.record.cases)
    assert others != 1
    await tell(site, CONTACT | {"direction": "outbound"})
    await tell(site, CONTACT | {"direction": "outbound", "case": others})
    assert len(site.house.record.lines) == 2
    assert "conversations-per-day" in (await verdict(site)).reasons
