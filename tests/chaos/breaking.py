"""Faults, lane by lane, until the goals are met."""

import json
import time
import traceback
from random import Random
from threading import Thread

from tests.chaos.checks.answers import all_heard
from tests.chaos.faults import Fault, Lane
from tests.chaos.history import read
from tests.chaos.load import Load
from tests.chaos.plan import Goals, further, pause, plan, seeded
from tests.chaos.stage import Deed, Stage

LOOK_SECONDS = 1.0
EAGER_SECONDS = 5.0  # between what still has to be done when the plan has been worked off


def break_things(goals: Goals, seed: int, stage: Stage, load: Load) -> list[str]:
    """Let every lane work off its plan, side by side; returns what went wrong with that."""
    trouble: list[str] = []
    planned = plan(goals, seeded(seed))
    busy = set(Lane)

    def work_off(lane: Lane) -> None:
        own = seeded(seed, lane.name)
        waiting = list(reversed(planned[lane]))
        while not stage.over.is_set():
            seconds = pause(goals, planned[lane], own)
            stage.wait(seconds if waiting else min(seconds, EAGER_SECONDS))
            if not waiting:
                busy.discard(lane)
            if stage.over.is_set():
                return
            tally, bitten = stage.tally, stage.bitten
            fault = waiting.pop() if waiting else further(lane, goals, tally, bitten, own)
            trouble.extend(injected(fault, stage, own))

    lanes = [Thread(target=work_off, args=[lane]) for lane in Lane]
    for thread in lanes:
        thread.start()
    wait_for_goals(goals, stage, load, busy)
    stage.over.set()
    for thread in lanes:
        thread.join()
    return trouble


def injected(fault: Fault, stage: Stage, random: Random) -> list[str]:
    """Inject a fault and count what it did; returns why it could not be, if so."""
    try:
        stage.count(fault.name, fault.deed, fault.inject(stage, random))
    except Exception:  # noqa: BLE001 - a fault that failed must be told, not end the lane
        return [f"{fault.name}: {traceback.format_exc()}"]
    return []


def wait_for_goals(goals: Goals, stage: Stage, load: Load, busy: set[Lane]) -> None:
    began = time.monotonic()
    while (passed := time.monotonic() - began) < goals.longest:
        time.sleep(LOOK_SECONDS)
        if passed >= goals.seconds and not busy:
            take_stock(stage, load)
            if not goals.missed(stage.tally, stage.bitten):
                return


def take_stock(stage: Stage, load: Load) -> None:
    """Count what the clients have heard so far, and what was poured in."""
    heard = all_heard(read(load.folder)).values()
    stage.tally[Deed.COMMAND] = sum(one.is_promised for one in heard)
    stage.tally[Deed.OK] = sum(bool(one.answers) for one in heard)
    if load.poured_log.exists():
        stage.tally[Deed.MALFORMED] = json.loads(load.poured_log.read_text())["poured"]
