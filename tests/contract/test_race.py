"""Two processes never get the same last call. DIALER_RACES=10000 makes it long."""

import os

import pytest

from tests.contract.race import race
from tests.redis.house import fresh_prefix

RACES = int(os.environ.get("DIALER_RACES", "100"))


@pytest.fixture(params=["redis_server", "postgres_place"])
def url(request):
    return request.getfixturevalue(request.param).url


@pytest.mark.timeout(120 + RACES // 10)
async def test_of_two_processes_exactly_one_gets_the_last_call(url):
    tally = await race(url, fresh_prefix(), RACES)
    assert tally.rounds == RACES
    assert tally.close > RACES // 20  # they did race
