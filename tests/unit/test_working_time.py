"""How long agents were at what, by quarters of an hour, over restarts."""

from datetime import UTC, datetime, timedelta
from random import Random

from dialer.agents.roster import Roster
from dialer.agents.session import SavedSession, Session, Work
from dialer.kernel.ids import Ids
from tests.clock import SetClock
from tests.unit.test_agents import CALL, Saved

TEN = datetime(2026, 11, 24, 10, tzinfo=UTC)
R, P, H, T, W = Work.READY, Work.PAUSED, Work.RESERVED, Work.TALKING, Work.WRAPPING


class Day:
    """Anna's day; a second one over the same record is a restart."""

    def __init__(self, saved=None, at=TEN):
        self.clock, self.saved = SetClock(at), Saved() if saved is None else saved
        session = Session("anna", 1001, "PJSIP/anna", frozenset({"k"}), at)
        self.roster = Roster([session], self.saved, self.clock, Ids(Random(1)))

    def wait(self, minutes):
        self.clock.time += timedelta(minutes=minutes)

    def at_work(self):
        self.roster.log_in("anna", pause_reason=None)
        (session,) = self.roster.seats_to_call()
        self.roster.seat_idle(session.leg)

    def spent(self, *quarter):
        """Minutes by work, of one quarter of an hour or of all."""
        found = {}
        for (_, began_at, work), time in ((key, time) for key, time in self.saved.items() if isinstance(key, tuple)):
            if not quarter or (began_at.hour, began_at.minute) == quarter:
                found[work] = found.get(work, 0) + time / timedelta(minutes=1)
        return found


def test_every_kind_of_work_is_counted_once_and_time_logged_out_is_not():
    day = Day()
    day.wait(1)
    day.at_work()
    day.wait(1)
    day.roster.take("k", CALL)
    day.wait(0.5)
    day.roster.connect(CALL)
    day.wait(3)
    day.roster.part(CALL)
    day.wait(1)
    day.roster.wrapped("anna")
    day.roster.pause("anna", "lunch")
    day.wait(6)
    day.roster.log_out("anna")
    day.wait(60)
    day.roster.count_working_time()
    assert day.spent() == {R: 1, H: 0.5, T: 3, W: 1, P: 6}


def test_what_lasts_over_quarters_of_an_hour_is_in_each():
    day = Day()
    day.wait(10)
    day.at_work()
    day.wait(25)
    day.roster.pause("anna", "lunch")
    day.wait(1)
    day.roster.count_working_time()
    assert [day.spent(10, minute) for minute in (0, 15, 30)] == [{R: 5}, {R: 15}, {R: 5, P: 1}]


def test_a_save_in_between_adds_nothing_and_a_kill_loses_what_came_after_it_alone():
    day = Day()
    day.at_work()
    for _ in range(12):
        day.wait(0.5)
        day.roster.count_working_time()
    day.wait(0.25)  # killed: nobody saves this, nor the time until the next start
    again = Day(day.saved, TEN + timedelta(minutes=9))
    again.roster.adopt(SavedSession("anna", "dls-1", None, None, TEN), talking=None)
    again.wait(2)
    again.roster.count_working_time()
    assert again.spent() == {R: 8}


def test_a_clock_that_is_set_back_takes_nothing_away():
    day = Day()
    day.at_work()
    day.wait(5)
    day.roster.count_working_time()
    day.wait(-2)
    day.roster.count_working_time()
    day.wait(1)
    day.roster.count_working_time()
    assert day.spent() == {R: 6}


def test_the_reason_of_a_break_is_kept_nowhere():
    day = Day()
    day.at_work()
    day.roster.pause("anna", "the doctor")
    day.wait(5)
    day.roster.count_working_time()
    assert "doctor" not in str([key for key in day.saved if isinstance(key, tuple)])
