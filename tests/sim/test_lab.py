"""The laboratory: the simulated floor keeps its books, meets every pacer with the same public, and finds bad pacers out."""

import csv
import io
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pacing import predictive
from pacing.floor import Floor, What
from pacing.lab import SCENARIOS, report, run_day, table
from pacing.lab.__main__ import main
from pacing.lab.day import TARGET
from pacing.lab.optimum import KnownLaws, Spectrum
from pacing.lab.pacers import PACERS, Cadenza, Progressive
from pacing.lab.public import Recorded
from pacing.lab.rivals.erlang import answers_per_second, lost_share
from pacing.lab.rivals.ratio import FixedRatio
from pacing.lab.rivals.vicidial import Adapt, VicidialAdapt
from pacing.lab.runs import Cell, cells, run, run_all
from pacing.lab.scenario import Churn, Outage, Shift
from pacing.target import Target

USUAL = SCENARIOS["constant-25"]


def hours(name, length):
    return replace(SCENARIOS[name], seconds=length * 3600.0)


class Watching:
    """Paces as another does and keeps every floor."""

    def __init__(self, pacer):
        self.pacer = pacer
        self.floors = []
        self.counts = []

    def decide(self, floor: Floor, target: Target) -> int:
        self.floors.append(floor)
        self.counts.append(self.pacer.decide(floor, target))
        return self.counts[-1]


class TestTheFloor:
    @pytest.mark.parametrize("name", SCENARIOS)
    def test_every_call_ends_once_and_every_second_is_somebodys(self, name):
        scenario = hours(name, 0.5)
        watching = Watching(FixedRatio(2.0))
        day = run_day(scenario, 4, 1, watching)
        ended = sum(
            happening.what in (What.ANSWERED, What.FAILED, What.RANG_OUT, What.TRUNK_FAILED)
            for floor in watching.floors
            for happening in floor.happened
        )
        # what was still ringing at the last tick ends after it, and nothing is placed any more
        ringing = len(watching.floors[-1].dialling) + watching.counts[-1]
        assert day.launches == sum(watching.counts) == ended + ringing
        assert day.answered == day.connected + day.abandoned
        assert 0 <= day.vanished <= day.abandoned
        assert sum(answers for answers, _ in day.minutes) == day.answered
        assert sum(lost for _, lost in day.minutes) == day.abandoned
        assert day.talk_seconds + day.wrap_seconds + day.idle_seconds <= 4 * scenario.seconds + 1e-6
        if not scenario.churn and scenario.shifts == (Shift(),):
            assert day.talk_seconds + day.wrap_seconds + day.idle_seconds == pytest.approx(4 * scenario.seconds)

    def test_the_pacer_sees_each_agent_and_each_call_in_one_place(self):
        watching = Watching(FixedRatio(3.0))
        run_day(hours("constant-25", 0.5), 6, 1, watching)
        for floor in watching.floors:
            assert len(floor.idle) + len(floor.talking) + len(floor.wrapping) == 6
            assert not (floor.idle and floor.waiting)
            assert floor.channels_in_use == len(floor.dialling) + len(floor.waiting) + len(floor.talking)
            for ages in (floor.idle, floor.talking, floor.wrapping, floor.dialling, floor.waiting):
                assert min(ages, default=0.0) >= 0.0
            assert max(floor.waiting, default=0.0) <= TARGET.patience_seconds
            assert max(floor.dialling, default=0.0) <= TARGET.ring_timeout_seconds + 1.0
            assert all(0.0 <= happening.ago_seconds <= floor.elapsed_seconds for happening in floor.happened)

    def test_a_shorter_tick_decides_more_often_in_the_same_day(self):
        watching = Watching(Progressive())
        day = run_day(hours("constant-25", 0.1), 4, 1, watching, tick_seconds=0.25)
        assert len(watching.floors) == 1440
        assert {floor.elapsed_seconds for floor in watching.floors} == {0.0, 0.25}
        assert day.talk_seconds + day.wrap_seconds + day.idle_seconds == pytest.approx(4 * 360.0)

    def test_the_same_seed_is_the_same_day_and_another_is_another(self):
        scenario = hours("vanishing", 0.5)
        days = [run_day(scenario, 5, seed, FixedRatio(2.0)) for seed in (1, 1, 2)]
        assert days[0] == days[1]
        assert days[0].talk_seconds != days[2].talk_seconds

    def test_the_nth_call_is_the_same_whoever_paces(self):
        """One agent; the first call is placed at once by either, and so are the next ones until somebody answers."""

        def first_answer(pacer):
            watching = Watching(pacer)
            run_day(hours("constant-25", 0.25), 1, 3, watching)
            return next(
                happening.seconds
                for floor in watching.floors
                for happening in floor.happened
                if happening.what is What.ANSWERED
            )

        assert first_answer(Progressive()) == first_answer(FixedRatio(1.0))

    def test_the_public_is_what_the_scenario_says(self):
        chance = np.random.default_rng(1)
        fates = USUAL.public.draw(chance, 20_000)
        assert np.mean([fate.talk_seconds for fate in fates]) == pytest.approx(0.6 * 20 + 0.4 * 240, rel=0.03)
        assert np.mean([fate.wrap_seconds for fate in fates]) == pytest.approx(30.0, rel=0.03)
        assert min(fate.ring_seconds for fate in fates) >= 2.0
        assert max(fate.ring_seconds for fate in fates) <= 25.0
        assert np.mean([fate.ring_seconds for fate in fates]) == pytest.approx(9.4, abs=0.2)

    def test_an_outage_answers_nobody(self):
        for what, end in (
            (Outage.SILENT, What.RANG_OUT),
            (Outage.FAILING, What.FAILED),
            (Outage.TRUNK, What.TRUNK_FAILED),
        ):
            scenario = replace(USUAL, outages=((0.0, 1e6, what),), seconds=600.0)
            watching = Watching(Progressive())
            assert run_day(scenario, 2, 1, watching).answered == 0
            ends = {happening.what for floor in watching.floors for happening in floor.happened}
            assert ends == {end}
            assert (watching.floors[-1].trunk_failures > 0) == (what is Outage.TRUNK)

    def test_who_is_announced_is_announced_and_who_goes_home_is_gone(self):
        scenario = replace(USUAL, seconds=1800.0, shifts=(Shift(0.0, 900.0, 300.0), Shift(600.0, told_seconds=300.0)))
        watching = Watching(Progressive())
        run_day(scenario, 2, 1, watching)
        assert watching.floors[299].joining == ()
        assert watching.floors[301].joining == (299.0,)
        assert any(floor.leaving for floor in watching.floors[601:900])
        at_end = watching.floors[-1]
        assert len(at_end.idle) + len(at_end.talking) + len(at_end.wrapping) == 1

    def test_calls_lost_to_an_agent_who_vanished_are_told_apart(self):
        scenario = replace(hours("constant-40", 2), churn=Churn(there_seconds=300.0, vanish_share=1.0, told_share=0.0))
        day = run_day(scenario, 3, 1, Progressive())
        # one line for each free agent: only an agent who isn't there any more can leave an answer alone
        assert day.abandoned == day.vanished > 0
        assert day.own_ratio == 0.0

    def test_a_recorded_public_is_drawn_from_what_was_met(self):
        public = Recorded((5.0, 6.0), (1.0,), (60.0,), (10.0,), failed_share=0.2, ring_timeout_seconds=20.0)
        watching = Watching(Progressive())
        run_day(replace(USUAL, public=public, seconds=1200.0), 3, 1, watching)
        seen = {}
        for floor in watching.floors:
            for happening in floor.happened:
                seen.setdefault(happening.what, set()).add(round(happening.seconds, 3))
        assert seen[What.ANSWERED] == {5.0, 6.0}
        assert seen[What.TALK_ENDED] == {60.0}
        assert seen[What.WRAP_ENDED] == {10.0}


@cache
def rivals_days():
    names = [name for name in PACERS if not name.startswith("cadenza")]
    return {name: run(Cell(hours("constant-25", 1), 10, name, (1,)))[0] for name in names}


@cache
def two_days_of_steps():
    chosen = cells([hours("steps", 1.5)], [2, 4], ["progressive", "ratio-3"], [1, 2])
    return [day for days in run_all(chosen) for day in days]


@pytest.fixture
def days():
    return rivals_days()


@pytest.fixture
def results():
    return two_days_of_steps()


class TestThePacers:
    """Figures of the constant scenario with a quarter of the calls answered."""

    def test_progressive_abandons_nobody_and_keeps_agents_two_thirds_busy(self, days):
        assert days["progressive"].abandoned == 0
        assert 0.60 < days["progressive"].occupancy < 0.70

    def test_more_lines_an_agent_are_more_talk_and_more_silence(self, days):
        assert days["progressive"].occupancy < days["ratio-2"].occupancy < days["ratio-3"].occupancy
        assert days["ratio-2"].ratio < 0.03 < days["ratio-3"].ratio

    def test_the_rivals_break_the_cap_where_their_rules_do(self, days):
        assert days["vicidial-ratio"].ratio > 0.10
        assert days["issabel-over-commit"].ratio > 0.10
        for name in ("vicidial-hard-limit", "vicidial-average", "vicidial-tapered"):
            assert days[name].occupancy < days["ratio-2"].occupancy

    def test_vicidials_level_moves_as_in_its_source(self):
        def level(ready, waiting, level=2.0):
            pacer = VicidialAdapt(Adapt.AVERAGE)
            pacer.level = level
            floor = Floor(
                1.0,
                idle=(1.0,) * ready,
                talking=(9.0,) * (30 - ready),
                waiting=(0.5,) * waiting,
                accounts=(),
            )
            for _ in range(15):
                pacer.decide(floor, TARGET)
            return pacer.level

        assert level(3, 0) == 2.2
        assert level(0, 2) == 1.867

    def test_the_textbook_queue(self):
        # without patience it is Erlang's loss formula: 5 agents, load 1.875: 3.0 % (tables)
        assert lost_share(1.875 / 100, 5, 100.0, 0.0) == pytest.approx(0.03, abs=2e-4)
        rate = answers_per_second(20, 138.0, 2.0, 0.03)
        assert lost_share(rate, 20, 138.0, 2.0) == pytest.approx(0.03, abs=1e-4)
        assert lost_share(rate, 20, 138.0, 4.0) < 0.03


class TestTheBound:
    def test_its_exact_chances_are_those_of_the_pacers_own_convolution(self):
        chance = np.random.default_rng(1)
        for _ in range(60):
            agents, calls = int(chance.integers(0, 9)), int(chance.integers(0, 20))
            balance = predictive.Balance(
                weights=np.full(5, 0.2),
                free=np.full(5, float(chance.integers(-2, 4))),
                agents=chance.random((agents, 5)),
                calls=chance.random((calls, 5)) / 2,
                new=chance.random(5) / 2,
                doubt=0.0,
            )
            ours, theirs = Spectrum(balance), predictive.Exact(balance)
            for added in range(6):
                # theirs leaves out what is nearly impossible
                assert ours.risk(added) == pytest.approx(theirs.risk(added), abs=1e-3)

    def test_a_higher_threshold_is_more_talk_and_more_silence(self):
        scenario = hours("constant-25", 1)
        low, high = (run_day(scenario, 5, 1, KnownLaws(scenario, threshold)) for threshold in (0.03, 0.3))
        assert low.occupancy < high.occupancy
        assert low.ratio < high.ratio

    def test_it_ends_at_the_cap(self):
        days = run(Cell(hours("constant-40", 1), 8, table.OPTIMUM, (1,)))
        assert days[0].ratio == pytest.approx(TARGET.max_abandonment, abs=0.012)  # one call is 0.6 %
        progressive = run(Cell(hours("constant-40", 1), 8, "progressive", (1,)))
        assert days[0].occupancy > progressive[0].occupancy

    def test_a_public_on_record_has_no_known_law(self):
        public = Recorded((5.0,), (), (60.0,), (10.0,), 0.0, 25.0)
        with pytest.raises(TypeError, match="aren't known"):
            KnownLaws(replace(USUAL, public=public), 0.1)


class TestOurs:
    def test_the_code_that_dials_is_busier_than_progressive_and_keeps_the_cap(self):
        scenario = hours("constant-40", 1)
        ours, progressive = (run_day(scenario, 4, 1, pacer) for pacer in (Cadenza(), Progressive()))
        assert ours.ratio <= TARGET.max_abandonment
        assert ours.occupancy > progressive.occupancy

    def test_a_pacer_that_is_told_of_no_abandoned_call_is_caught(self):
        class Blind:
            """As ours, but it never hears of its abandoned calls, and counts each answer for ten."""

            def __init__(self):
                self.ours = Cadenza()

            def decide(self, floor, target):
                accounts = tuple(
                    replace(account, answered=10 * account.answered, abandoned=0) for account in floor.accounts
                )
                return self.ours.decide(replace(floor, accounts=accounts), target)

        day = run_day(hours("constant-40", 1), 4, 1, Blind())
        (line,) = table.lines([day], TARGET.max_abandonment)
        assert line.days_over == 1
        assert line.worst_day > TARGET.max_abandonment


class TestTheReport:
    def test_a_line_for_each_cell_with_its_share_of_the_bound(self, results):
        bound = [replace(day, pacer=table.OPTIMUM, idle_seconds=0.0) for day in results if day.pacer == "ratio-3"]
        lines = table.lines([*results, *bound], 0.03)
        assert [(line.agents, line.pacer) for line in lines[:4]] == [
            (2, "progressive"), (2, "ratio-3"), (4, "progressive"), (4, "ratio-3"),
        ]  # fmt: skip
        assert all(line.share == pytest.approx(line.occupancy) for line in lines)
        assert all(line.days == 2 for line in lines)

    def test_few_answers_are_told_apart(self, results):
        empty = replace(results[0], answered=5, abandoned=1)
        (line,) = table.lines([empty], 0.03)
        assert (line.few, line.days_over, line.worst_day) == (1, 0, 0.0)

    def test_the_minutes_after_a_jump_are_those_after_the_step_of_the_rate(self, results):
        for day in results:
            ((answers, lost),) = day.jumps
            assert answers == sum(count for count, _ in day.minutes[60:70])
            assert lost == sum(count for _, count in day.minutes[60:70])

    def test_the_worst_hour_is_the_worst(self, results):
        quiet = ((20, 0),) * 60
        bad = ((20, 10),) * 30
        day = replace(results[0], minutes=quiet + bad + quiet)
        assert day.worst_hour == pytest.approx(0.25)

    def test_csv_and_pictures(self, results, tmp_path):
        report.write(results, tmp_path, 0.03)
        rows = list(csv.DictReader(io.StringIO((tmp_path / "table.csv").read_text())))
        assert (rows[0]["agents"], rows[0]["pacer"]) == ("2", "progressive")
        assert float(rows[0]["occupancy"]) == pytest.approx(table.lines(results, 0.03)[0].occupancy)
        pictures = {path.name: ET.parse(path).getroot() for path in tmp_path.glob("*.svg")}
        assert set(pictures) == {
            "occupancy-steps.svg", "abandonment-steps-2.svg", "abandonment-steps-4.svg", "budget-steps-2.svg", "budget-steps-4.svg",
        }  # fmt: skip
        for name, root in pictures.items():
            names = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
            assert {"progressive", "ratio-3"} <= names
            curves = list(root.iter("{http://www.w3.org/2000/svg}polyline"))
            assert len(curves) == (3 if name.startswith("abandonment") else 2)
            for curve in curves:
                for point in curve.get("points").split():
                    x, y = map(float, point.split(","))
                    assert 0 <= x <= 760
                    assert 0 <= y <= 420

    def test_the_command_prints_the_table(self, capsys):
        main(["--pacer", "progressive", "--hours", "0.1", "--seeds", "1"])
        assert "| constant-25 | 5 " in capsys.readouterr().out

    def test_two_processes_make_the_same_days(self):
        chosen = cells([hours("constant-25", 0.1)], [2], ["progressive", "ratio-2"], [1])
        assert list(run_all(chosen, 2)) == list(run_all(chosen, 1))
