"""What is drawn from a seed, and what a run may claim afterwards."""

import json
from collections import Counter
from itertools import chain

import pytest

from tests.chaos.__main__ import again
from tests.chaos.faults import FAULTS, Lane
from tests.chaos.plan import GOALS, MINUTE, TEN, Goals, further, plan, seeded
from tests.chaos.report import Report, bound
from tests.chaos.stage import Deed
from tests.processes import ROOT

PROMISED = {
    Deed.KILL: 40,
    Deed.LEASE: 10,
    Deed.BEFORE: 20,
    Deed.AFTER: 20,
    Deed.PARTITION: 3,
    Deed.POSTMASTER: 2,
    Deed.BROKER_LOSS: 2,
    Deed.COMMAND: 3000,
    Deed.MALFORMED: 10_000,
}


@pytest.mark.parametrize("goals", GOALS.values(), ids=GOALS)
@pytest.mark.parametrize("seed", range(5))
def test_what_is_planned_can_meet_the_goals(goals: Goals, seed: int) -> None:
    planned = plan(goals, seeded(seed))
    deeds = Counter(dict.fromkeys((Deed.COMMAND, Deed.OK, Deed.MALFORMED), 10**9))
    for fault in chain.from_iterable(planned.values()):
        deeds[fault.deed] += fault.yields

    bitten = Counter(fault.name for fault in chain.from_iterable(planned.values()))

    assert goals.missed(deeds, bitten) == []
    for lane in Lane:
        assert sum(fault.seconds for fault in planned[lane]) < goals.seconds
        assert all(fault.lane is lane for fault in planned[lane])


def test_the_same_seed_draws_the_same_faults_and_another_seed_others() -> None:
    assert plan(TEN, seeded(7)) == plan(TEN, seeded(7))
    assert plan(TEN, seeded(7)) != plan(TEN, seeded(8))


def test_ten_minutes_bring_every_fault_and_all_that_is_promised_of_them() -> None:
    drawn = [*chain.from_iterable(plan(TEN, seeded(1)).values())]

    assert set(drawn) == set(FAULTS)
    assert all(TEN.least[deed] >= least for deed, least in PROMISED.items())


def test_what_is_still_missing_comes_first_when_the_plan_is_worked_off() -> None:
    tally = {Deed.LEASE: MINUTE.least[Deed.LEASE]}
    drawn = {further(Lane.FREEZES, MINUTE, tally, {}, seeded(seed)).deed for seed in range(20)}

    assert drawn == {Deed.VISIBILITY}


def test_a_fault_without_an_effect_is_injected_again_and_misses_the_goal() -> None:
    tally = dict.fromkeys(Deed, 10**9)
    bitten = {fault.name: 1 for fault in FAULTS if fault.name != "kill relay"}
    drawn = {further(Lane.KILLS, TEN, tally, bitten, seeded(seed)).name for seed in range(20)}

    assert drawn == {"kill relay"}
    assert TEN.missed(tally, bitten) == ["kill relay: had no effect"]
    assert TEN.missed(tally, {**bitten, "kill relay": 1}) == []
    assert MINUTE.missed(tally, {}) == []


@pytest.mark.parametrize("seconds", [None, 90.0])
def test_a_run_is_told_how_to_be_run_again(seconds: float | None) -> None:
    told = again(Report("minute", 7), seconds)

    assert told.startswith("make chaos CHAOS=minute ARGS='--seed 7")
    assert ("--seconds 90" in told) == bool(seconds)


def test_a_run_that_missed_a_goal_or_went_wrong_itself_is_not_clean() -> None:
    assert Report("ten", 1).is_clean
    assert not Report("ten", 1, missed=["process kills: 39 of 40"]).is_clean
    assert not Report("ten", 1, trouble=["the reader ended with 1"]).is_clean
    assert not Report("ten", 1, findings=["order: inverted"]).is_clean


def test_a_report_can_be_kept_as_json() -> None:
    report = Report("ten", 1, tally=Counter({Deed.KILL: 40}))

    assert json.loads(json.dumps(report.as_dict()))["tally"] == {"process kills": 40}


def test_a_report_has_a_row_for_the_table_in_the_docs() -> None:
    page = (ROOT / "docs" / "chaos.md").read_text()
    head = next(line for line in page.splitlines() if line.startswith("| run | seed | seconds | c"))
    row = Report("ten", 7, seconds=455.2, tally=Counter({Deed.COMMAND: 4711})).row

    assert row.startswith("| ten minutes | 7 | 455 | 4,711 | 0 / 0 / 0 / 0 |")
    assert row.count("|") == head.count("|")


def test_no_loss_in_three_thousand_commands_bounds_the_rate_at_one_in_a_thousand() -> None:
    assert bound(3000) == pytest.approx(0.000998, rel=0.001)
