"""The dossier by the interface: whole, and only for somebody who says who looks."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp.test_utils import TestClient, TestServer

from dialer.adapters.store.attempts import SqlAttempts
from dialer.adapters.store.cases import SqlCaseBook
from dialer.adapters.store.database import open_database
from dialer.adapters.store.dossiers import SqlDossiers
from dialer.adapters.store.letters import SqlLetters
from dialer.adapters.store.payments import SqlPayments
from dialer.adapters.store.place import Place
from dialer.adapters.store.waiting import SqlWaiting
from dialer.adapters.store.writer import Writer
from dialer.outcomes.lettering import compose
from dialer.outcomes.rules import Rules
from dialer.web.access import REFUSED, Holder, Scope, digest_of
from dialer.web.api import Api
from tests.store.test_dossier import FULL, dispute, pay
from tests.store.test_letters import RULES
from tests.store.test_record import NOW

WITH = {"Authorization": "Bearer t"}


class Noon:
    def now(self):
        return NOW


@pytest.fixture
async def ask(tmp_path):
    engine = await open_database(Place(tmp_path / "dialer.db"))
    writer = Writer(engine)
    task = asyncio.create_task(writer.run())
    book, attempts = SqlCaseBook(engine, writer), SqlAttempts(engine, writer, Noon())
    await book.add("k", [FULL], NOW)
    await SqlPayments(engine).add("Luce", [pay(345)], "bank", NOW)
    attempts.keep(dispute(NOW), by="anna", evidence="PEC")
    await attempts.flush()

    def rules(campaign, creditor):
        return Rules(supervisors=frozenset({"carla"}))

    api = Api(
        None,
        book,
        SqlDossiers(engine),
        SqlPayments(engine),
        None,
        None,
        list,
        bytes,
        "t",
        Noon(),
        rules,
        SqlWaiting(engine),
        SqlLetters(engine),
        None,
        (
            Holder("crm", digest_of(b"ours"), frozenset(Scope), frozenset({"Luce", "Gas"})),
            Holder("acqua", digest_of(b"others"), frozenset(Scope), frozenset({"Acqua"})),
        ),
    )
    async with TestClient(TestServer(api.application())) as client:

        async def get(path, headers=WITH, body=None):
            response = await client.request("GET" if body is None else "POST", path, headers=headers, json=body)
            return response.status, await response.json(content_type=None)

        yield get
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await engine.dispose()


@pytest.fixture
async def letter(ask, tmp_path):
    """A letter of the case that waits to be sent."""
    await ask("/api/v1/cases/1/decide", body=DECIDED)
    engine = await open_database(Place(tmp_path / "dialer.db"))
    (due,) = await SqlLetters(engine).due(NOW, None, (), 1)
    dossier = replace(await SqlDossiers(engine).look(1, "anna", "test", NOW), facts={})
    (kept,) = await SqlLetters(engine).keep([compose(dossier, due, RULES, "b", "anna", NOW, flagged=True)])
    await engine.dispose()
    return kept.id


async def test_the_dossier_comes_whole(ask):
    status, case = await ask("/api/v1/cases/1?by=anna")
    assert status == 200
    assert (case["debtor"]["name"], case["debtor"]["kind"]) == ("Rossi Srl", "company")
    first = case["statements"][0]
    assert first["debt"]["items"][0] == {
        "kind": "principal",
        "amount": {"cents": 10000, "currency": "EUR"},
        "due_on": "2025-01-31",
        "description": "fattura 12",
    }
    assert first["balance"]["left"] == {"cents": 12000, "currency": "EUR"}
    assert first["balance"]["parts"] == [
        ["costs", {"cents": 0, "currency": "EUR"}],
        ["fees", {"cents": 0, "currency": "EUR"}],
        ["interest", {"cents": 2000, "currency": "EUR"}],
        ["principal", {"cents": 10000, "currency": "EUR"}],
    ]
    assert case["flags"][0]["since"] == case["timeline"][0]["at"]
    assert {moment["kind"] for moment in case["timeline"]} == {"flag", "payment"}


async def test_who_looked_is_told_and_who_does_not_say_sees_nothing(ask):
    for path in (
        "/api/v1/cases/1",
        "/api/v1/cases/1?by=",
        "/api/v1/cases/1?by=%0Aroot",
        f"/api/v1/cases/1?by={'x' * 65}",
    ):
        status, problem = await ask(path)
        assert (status, bool(problem["remedy"])) == (400, True)
    assert (await ask("/api/v1/cases/1/views"))[1] == {"views": []}
    await ask("/api/v1/cases/1?by=anna")
    (view,) = (await ask("/api/v1/cases/1/views"))[1]["views"]
    assert (view["by"], view["how"], view["at"]) == ("anna", "api", NOW.isoformat())


async def test_a_case_that_is_not_there_and_one_that_is_no_number(ask):
    status, problem = await ask("/api/v1/cases/99?by=anna")
    assert (status, "99" in problem["title"]) == (404, True)
    assert (await ask("/api/v1/cases/x?by=anna"))[0] == 404
    assert (await ask("/api/v1/cases/1?by=anna", {}))[0] == 401


PAYMENT = {"reference": "CRO 1", "debt": "F1", "cents": 12000, "paid_on": "2026-11-20", "receipt": "POS 12/34"}


async def told(ask, *payments, creditor="Luce"):
    return await ask("/api/v1/payments", body={"creditor": creditor, "by": "bank", "payments": list(payments)})


async def test_payments_come_in_once_and_the_last_one_closes_the_case(ask):
    status, answer = await told(ask, PAYMENT, PAYMENT | {"reference": "CRO 2", "debt": "F7"})
    assert (status, answer["new"], [refused["at"] for refused in answer["refused"]]) == (200, 1, [1])
    assert (await told(ask, PAYMENT))[1]["known"] == 1
    last = PAYMENT | {"reference": "CRO 3", "debt": "F2", "cents": 500}
    assert (await told(ask, last))[1]["settled"] == [1]
    assert (await ask("/api/v1/cases/1?by=anna"))[1]["state"] == "closed"


@pytest.mark.parametrize(
    "wrong",
    [
        {"receipt": "4111 1111 1111 1111"},
        {"reference": "4111111111111111"},
        {"reference": ""},
        {"cents": 0},
        {"cents": 1.5},
        {"cents": "100"},
        {"cents": 10**16},
        {"paid_on": "2027-01-01"},
        {"paid_on": "20/11/2026"},
        {"method": "barter"},
        {"currency": "euro"},
        {"card": "x"},
        {"debt": "a\x00b"},
    ],
    ids=str,
)
async def test_a_payment_that_cannot_be_is_refused_in_words_and_none_of_its_company_comes_in(ask, wrong):
    status, problem = await told(ask, PAYMENT, PAYMENT | {"reference": "CRO 2"} | wrong)
    assert (status, bool(problem["title"]), bool(problem["remedy"])) == (400, True, True)
    assert "4111" not in str(problem)
    assert "payments.1." in str(problem)
    left = (await ask("/api/v1/cases/1?by=anna"))[1]["statements"][0]["balance"]["left"]
    assert left == {"cents": 12000, "currency": "EUR"}


DECIDED = {"course": "letter", "why": "chiede il contratto", "by": "carla"}


async def test_what_waits_is_listed_and_a_supervisor_decides(ask):
    assert (await ask("/api/v1/cases/waiting"))[1] == {"cases": []}
    assert await ask("/api/v1/cases/1/decide", body=DECIDED) == (200, {"case": 1, "state": "letter"})
    (waits,) = (await ask("/api/v1/cases/waiting"))[1]["cases"]
    assert (waits["case_id"], waits["state"], "chiede il contratto" in waits["why"]) == (1, "letter", True)
    assert (await ask("/api/v1/cases/waiting?campaign=another"))[1] == {"cases": []}
    assert (await ask("/api/v1/cases/1/decide", body=DECIDED | {"course": "open"}))[0] == 200
    assert (await ask("/api/v1/cases/waiting"))[1] == {"cases": []}


@pytest.mark.parametrize(
    ("wrong", "status"),
    [({"by": "anna"}, 400), ({"why": " "}, 400), ({"why": "4111 1111 1111 1111"}, 400), ({"course": "sell"}, 400)],
    ids=str,
)
async def test_who_is_no_supervisor_or_says_no_reason_decides_nothing(ask, wrong, status):
    found, problem = await ask("/api/v1/cases/1/decide", body=DECIDED | wrong)
    assert (found, bool(problem["remedy"]), "4111" in str(problem)) == (status, True, False)
    assert (await ask("/api/v1/cases/99/decide", body=DECIDED))[0] == 404
    assert (await ask("/api/v1/cases/1?by=anna"))[1]["state"] == "open"


async def test_what_became_of_letters_is_taken_and_what_is_none_is_refused_in_words(ask, letter):
    told = {"by": "posta", "letters": [{"letter": letter, "sent_on": "2026-11-24", "tracking": "152-1"}]}
    first = {"letter": letter, "state": "sent", "changed": True}
    assert await ask("/api/v1/letters", body=told) == (200, {"letters": [first]})
    assert (await ask("/api/v1/letters", body=told))[1]["letters"][0]["changed"] is False
    case = (await ask("/api/v1/cases/1?by=anna"))[1]
    assert (case["state"], "sent on 2026-11-24" in case["why"]) == ("open", True)
    for wrong, status in (
        ({"letter": "1-9"}, 404),
        ({"letter": "x"}, 404),
        ({"received_on": "2026-11-01"}, 400),
        ({"tracking": "4111111111111111"}, 400),
        ({"sent_on": "24/11/2026"}, 400),
    ):
        body = told | {"letters": [told["letters"][0] | wrong]}
        found, problem = await ask("/api/v1/letters", body=body)
        assert (found, bool(problem["remedy"]), "4111" in str(problem)) == (status, True, False), wrong


# -- tokens of others ------------------------------------------------------------------------------------------

OURS, OTHERS = ({"Authorization": f"Bearer {token}"} for token in ("ours", "others"))
PAID = {"creditor": "Luce", "by": "bank", "payments": [
    {"reference": "CRO 9", "debt": "F1", "cents": 100, "paid_on": "2026-11-20"},
]}  # fmt: skip


async def test_a_look_names_the_tokens_owner_and_one_of_another_creditors_is_refused_and_on_record(ask):
    assert (await ask("/api/v1/cases/1?by=anna", OURS))[0] == 200
    status, answer = await ask("/api/v1/cases/1?by=anna", OTHERS)
    assert (status, answer["status"], answer["title"]) == (403, 403, "the token acqua is for other creditors")
    assert answer["remedy"]
    views = (await ask("/api/v1/cases/1/views"))[1]["views"]
    assert [(view["by"], view["how"]) for view in views] == [("acqua", REFUSED), ("anna via crm", "api")]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/cases/1/views", None),
        ("/api/v1/cases/1/decide", DECIDED),
        ("/api/v1/letters", {"by": "post", "letters": [{"letter": "1-1", "sent_on": "2026-11-20"}]}),
        ("/api/v1/payments", PAID),
        ("/api/v1/outcomes?creditor=Luce", None),
    ],
)
async def test_what_belongs_to_another_creditor_is_neither_shown_nor_touched(ask, path, body):
    before = (await ask("/api/v1/cases/1?by=anna"))[1]
    assert (await ask(path, OTHERS, body))[0] == 403
    after = (await ask("/api/v1/cases/1?by=anna"))[1]
    assert after == before
    assert (await ask(path, OURS, body))[0] in (200, 404)


async def test_of_the_cases_that_wait_a_token_sees_its_creditors_alone(ask):
    await ask("/api/v1/cases/1/decide", body=DECIDED)
    assert [case["case_id"] for case in (await ask("/api/v1/cases/waiting", OURS))[1]["cases"]] == [1]
    assert (await ask("/api/v1/cases/waiting", OTHERS))[1]["cases"] == []


async def test_a_case_that_is_not_there_is_said_to_every_token(ask):
    assert (await ask("/api/v1/cases/99?by=anna", OTHERS))[0] == 404
