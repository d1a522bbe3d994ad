"""Two processes never get the same last call. DIALER_RACES=10000 makes it long."""

import os

import pytest

from tests.redis.house import fresh_prefix
from tests.redis.race import race

RACES = int(os.environ.get("DIALER_RACES", "100"))


@pytest.mark.timeout(60 + RACES // 20)
async def test_of_two_processes_exactly_one_gets_the_last_call(redis_server):
    tally = await race(redis_server.url, fresh_prefix(), RACES)
    assert tally.rounds == RACES
    assert tally.close > RACES // 20  # they did race
