"""Every command that is done has recorded what it should, exactly once; no other has anything."""

from collections.abc import Iterator, Sequence

from tests.chaos.evidence import CommandRow, Evidence, Fact, Facts

# What each command records, always one event, and how many it may be at least.
RECORDS = {
    "CreateUser": ("UserCreated", 1),
    "ChangeUserEmail": ("UserEmailChanged", 0),  # to the same address: nothing has happened
    "ChangeUserPassword": ("UserPasswordChanged", 1),
    "DeactivateUser": ("UserDeactivated", 1),
    "ReactivateUser": ("UserReactivated", 1),
    "PlaceOrder": ("OrderPlaced", 1),
    "ProcessPayment": ("PaymentProcessed", 1),
    "ShipOrder": ("OrderShipped", 1),
    "Ring": ("Rang", 1),
    "Label": ("Labelled", 1),
    "Put": ("WasPut", 1),
}


def check_effects(_: Evidence, facts: Facts) -> Iterator[str]:
    for row in facts.commands.values():
        events = facts.effects.get(row.command_id, ())
        if row.status == "done":
            yield from of_done(row, events)
        elif events:
            yield f"{row} is {row.status} and has recorded {len(events)} events"
    for fact in facts.events:
        if fact.command_id is None:
            yield f"the event at position {fact.position} belongs to no command"
    for command_id in facts.effects.keys() - facts.commands.keys():
        count = len(facts.effects[command_id])
        yield f"{count} events belong to command {command_id}, which nobody knows"


def of_done(row: CommandRow, events: Sequence[Fact]) -> Iterator[str]:
    """Compare what was recorded with what the command is for, and with its result."""
    kind, least = RECORDS.get(row.command_type, (None, 0))
    if kind is None:
        yield f"{row} is done, and none of ours"
    elif len(events) > 1:
        yield f"{row} was done more than once: {len(events)} events"
    elif len(events) < least:
        yield f"{row} is done, and its event is lost"
    elif events:
        yield from of_event(row, events[0], kind)
    result = row.result or {}
    if result.get("events") != len(events):
        yield f"{row} says that it recorded {result.get('events')} events, there are {len(events)}"
    elif events and (result["position"], result["version"]) != (
        events[-1].position,
        events[-1].number,
    ):
        yield f"{row} says that its event is elsewhere than at position {events[-1].position}"


def of_event(row: CommandRow, fact: Fact, kind: str) -> Iterator[str]:
    at = f"the event at position {fact.position}"
    if (fact.event_type, fact.aggregate_id) != (kind, row.aggregate_id):
        yield f"{at} is {fact.event_type} of {fact.aggregate_id!r}, which {row} did not ask for"
        return
    asked = row.payload
    for name, value in fact.payload.items():
        if asked.get(name) != value:
            yield f"{at} has another {name} than {row} asked for"
