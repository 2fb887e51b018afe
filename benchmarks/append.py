"""append: what does `append_events` cost, beside a bare INSERT and COPY of the same rows?"""

from benchmarks.appenders import make
from benchmarks.harness import Answers, Effort, Pairing, compare
from benchmarks.stage import stage
from benchmarks.writers import Order, Writers, writers

STORE, WITH_COMMAND = "store", "store, command"
INSERT, NO_TRIGGER, COPY = "insert", "insert, no trigger", "copy"

# By writers and events a transaction; None: no promise.
FLOORS = {
    (1, 1): {(STORE, INSERT): 0.7, (WITH_COMMAND, INSERT): 0.6},
    (8, 1): {(WITH_COMMAND, INSERT): 0.5},
    (1, 100): {(STORE, COPY): 0.6},
}


def ask(effort: Effort) -> Answers:
    """Yield the ratios for one and eight writers, each process on streams of its own."""
    with stage() as servers:
        for number in (1, 8):
            with writers(number, make, servers.database_url, servers.owner_url) as processes:
                for events in (1, 10, 100):
                    yield from asked(processes, number, events, effort)


def asked(processes: Writers, number: int, events: int, effort: Effort) -> Answers:
    floors = FLOORS.get((number, events), {})
    against = (INSERT, NO_TRIGGER, COPY) if events > 1 else (INSERT, NO_TRIGGER)
    names = (STORE, WITH_COMMAND, *against)
    contenders = {n: processes.contender(Order(n, events, effort.seconds)) for n in names}
    pairings = [
        Pairing(ours, other, floors.get((ours, other)))
        for ours in (STORE, WITH_COMMAND)
        for other in against
        if (ours, other) != (WITH_COMMAND, NO_TRIGGER)
    ]
    case = f"{events} a transaction, {number} {'writer' if number == 1 else 'writers'}"
    yield from compare(
        "append", case, "events", contenders=contenders, pairings=pairings, effort=effort
    )
