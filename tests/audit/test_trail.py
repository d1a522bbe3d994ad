"""The decisions against the attempts: none without the other, and both say the same."""

from dataclasses import replace
from datetime import timedelta

from dialer.compliance.entry import Entry, EntryResult
from tests.audit.house import NUMBER, OTHER, TUESDAY, Book, broken, recount


async def test_a_call_that_no_decision_allowed():
    book = Book()
    book.call(TUESDAY)
    stray = book.call(TUESDAY + timedelta(hours=3), allowed=False)
    assert await broken(book, stray) == ["decision-missing"]


async def test_calls_before_the_chain_began_are_judged_but_for_their_decision():
    book = Book()
    book.call(TUESDAY - timedelta(days=1), allowed=False)
    book.call(TUESDAY)
    report = await recount(book)
    assert report.clean
    assert any(rule == "decision-missing" for rule, _ in report.not_judged)


async def test_an_allowed_call_that_the_record_lacks():
    book = Book()
    gone = book.call(TUESDAY)
    del book.placed[gone.id]
    assert await broken(book) == ["attempt-missing"]


async def test_a_call_that_only_the_ledger_knows():
    book = Book()
    book.call(TUESDAY)
    line = Entry(f"dla-{77:026d}", 1, 1, OTHER, at=TUESDAY - timedelta(days=9), result=EntryResult.NO_ANSWER)
    book.line(line)
    assert await broken(book) == ["attempt-missing"]
    # one that never left our side: the record couldn't be written, and nobody was called
    book.line(replace(line, result=EntryResult.TRUNK_FAILURE))
    assert await broken(book) == []


async def test_a_clearance_used_twice():
    book = Book()
    call = book.call(TUESDAY)
    book.decide(call)
    assert await broken(book, call) == ["decision-missing"]


async def test_an_attempt_that_was_changed_after_it_was_allowed():
    for change in ({"cleared_at": 1}, {"case": 9}, {"mode": "reserved"}, {"campaign": "x"}, {"packs": ("us-tsr",)}):
        book = Book()
        call = book.call(TUESDAY)
        book.change(call, **change)
        assert "decision-differs" in await broken(book)
    book = Book()
    call = book.call(TUESDAY)
    subject = {"debtor": 1, "number": NUMBER, "debts": [], "household": ""}
    book.told[0] = replace(book.told[0], subject=subject)
    assert await broken(book) == []
    for key, value in (("debtor", 2), ("number", OTHER), ("debts", [4])):
        book.told[0] = replace(book.told[0], subject=subject | {key: value})
        assert await broken(book) == ["decision-differs"]


async def test_columns_beside_the_content_that_say_something_else():
    book = Book()
    book.call(TUESDAY)
    word, *rest = book.told[0].columns
    book.told[0] = replace(book.told[0], columns=("block", *rest))
    assert await broken(book) == ["decision-altered"]
    assert word == "allow"


async def test_who_was_withheld_is_not_bridged():
    book = Book()
    call = book.call(TUESDAY, "connected", outcome="refuses", rang=1, answered=3, lasts=60)
    book.decide(call, "withhold", at=TUESDAY + timedelta(seconds=3), refusals=[{"reason": "cease"}])
    book.change(call, bridged_at=call.answered_at + 1)
    assert await broken(book, call) == ["withheld-bridged"]
    # asked again, and allowed then
    book.decide(call, "bridge", at=TUESDAY + timedelta(seconds=3.5))
    assert await broken(book, call) == []


async def test_a_check_at_the_answer_that_a_crash_lost_is_told():
    book = Book()
    call = book.call(TUESDAY, "connected", outcome="refuses", rang=1, answered=3, lasts=60)
    book.change(call, bridged_at=call.answered_at + 1)
    report = await recount(book)
    assert report.clean
    assert any("crash" in why for _, why in report.not_judged)


async def test_a_ledger_that_counts_less_than_the_record():
    def scene(result, at=TUESDAY + timedelta(seconds=30)):
        book = Book()
        call = book.call(TUESDAY, "connected", outcome="refuses", rang=1, answered=3, bridged=3.1, lasts=30)
        book.line(Entry(call.id, 1, 1, NUMBER, at=at, result=EntryResult(result)))
        return book, call

    assert await broken(*scene("conversation")) == []
    assert await broken(*scene("unknown")) == []  # the worst
    assert await broken(*scene("third_party")) == ["ledger-differs"]
    assert await broken(*scene("machine")) == ["ledger-differs"]
    assert await broken(*scene("conversation", at=TUESDAY)) == ["ledger-differs"]
    # the daemon is writing just now
    assert await broken(*scene("machine"), now=TUESDAY + timedelta(seconds=60)) == []
