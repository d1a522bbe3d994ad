"""The short form of lines loses nothing, and is short enough for Redis to keep a debtor in one compact block."""

from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from dialer.adapters.redis.form import CHANNELS, DIRECTIONS, RESULTS, _base36, pack, revision_of, unpack
from dialer.compliance.entry import Channel, Direction, EntryResult
from dialer.kernel.ids import Ids
from tests.contract.test_ledger import LINES
from tests.redis.house import NOON, attempt, cell, fresh_prefix

COMPACT_BYTES = 64
"""hash-max-listpack-value, as Redis comes."""


@given(LINES)
def test_what_is_packed_under_a_key_is_unpacked_again(line):
    for key, value in zip(line.keys, pack(line, "acme"), strict=True):
        assert "\n" not in value
        assert unpack(line.id, value, key, "acme") == line
        assert revision_of(value) == line.revision


@given(st.integers(-(2**70), 2**70) | st.integers(-(36**3), 36**3))
def test_a_number_in_base_36_is_the_number(number):
    text = _base36(number)
    assert int(text, 36) == number
    assert text == "0" or not text.lstrip("-").startswith("0")


def test_every_word_has_a_letter_of_its_own():
    for letters, words in ((RESULTS, EntryResult), (DIRECTIONS, Direction), (CHANNELS, Channel)):
        assert set(letters) == set(words)
        assert len(set(letters.values())) == len(letters)


def usual(i, debtor=123_456):
    at = NOON - timedelta(days=i)
    values = {"debts": (1_234_567, 1_234_568), "campaign": "prestiti-2026", "collector": "acme", "in_flight": False}
    return attempt(Ids(Random(i)).attempt(at), debtor, f"+39347{debtor:07}", "h-98765", at=at, **values)


def test_an_usual_attempt_fits():
    line = replace(usual(1), revision=2)
    assert max(map(len, pack(line, "acme"))) <= COMPACT_BYTES


async def test_a_debtor_of_many_attempts_stays_compact(redis_server):
    prefix = fresh_prefix()
    async with cell(redis_server.url, "a", prefix=prefix) as ledger:
        ledger.put(*(usual(i) for i in range(30)))
        await ledger.flush()
        client = ledger._commands._wire._client
        for key in usual(0).keys:
            assert await client.object("ENCODING", f"cadenza:{{{prefix}}}:{key}") == "listpack"
