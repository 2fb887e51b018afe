"""Asked twice, some time apart, the fleet says the same: nothing happens behind our backs."""

import time
from collections.abc import Iterator

from tests.chaos.evidence import Evidence, Facts, gather


def check_stability(evidence: Evidence, facts: Facts) -> Iterator[str]:
    time.sleep(evidence.pause)
    yield from changes(facts, gather(evidence))


def changes(before: Facts, after: Facts) -> Iterator[str]:
    for command_id in before.commands.keys() | after.commands.keys():
        was, now = before.commands.get(command_id), after.commands.get(command_id)
        if was is None or now is None:
            yield f"{was or now} has {'come' if was is None else 'gone'} although all was quiet"
        elif (was.status, was.result) != (now.status, now.result):
            yield f"{was} was {was.status} and is {now.status} although all was quiet"
    for fact in set(before.events) ^ set(after.events):
        yield f"the event at position {fact.position} has come or gone although all was quiet"
