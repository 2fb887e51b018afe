"""The screens of `fleetlog retry`: a person's word that what was parked deserves another try."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from kombu.exceptions import OperationalError

from store.engine import Role
from store.retrying_parked import Retried, retry_parked
from workers.command_tasks import wake
from workers.console.output import add, counted, say, show, show_json, table
from workers.fleet import fleet, process_name
from workers.projecting import named, projector

ALL_PARKED = """
select command_id from fleetlog.commands where status = 'parked' order by accepted_no
"""


class Outcome(NamedTuple):
    """What a retry did to one command: "retried", or why not."""

    command_id: UUID
    outcome: str


def retry_commands(command_ids: Sequence[UUID] | None, *, as_json: bool) -> bool:
    """Send these, or all parked commands, back to their inboxes; returns whether all went."""
    found = [retried(id) for id in (parked() if command_ids is None else command_ids)]
    done = sum(one.outcome == "retried" for one in found)
    if as_json:
        show_json([one._asdict() for one in found])
        return done == len(found)
    for one in found:
        if one.outcome != "retried":
            say(f"command {one.command_id} {one.outcome}", style="red")
    if not found:
        show("nothing is parked")
    elif done:
        show(f"{counted(done, 'command')} sent back to the end of the inbox")
        say("how they fare: fleetlog commands", style="dim")
    return done == len(found)


def parked() -> list[UUID]:
    """Return all parked commands in the order in which they were accepted."""
    with fleet.database.connect(Role.READER) as connection:
        return [id for (id,) in connection.execute(ALL_PARKED, binary=True)]


def retried(command_id: UUID) -> Outcome:
    """Retry one: each gets its new place before the next, so their order stays."""
    state = fleet.inbox.find(command_id)
    if state is None:
        return Outcome(command_id, "was never accepted")
    if not fleet.inbox.retry([command_id]):
        return Outcome(command_id, f"is {state.status}, not parked")
    try:
        wake(state.command_type, command_id)
    except OperationalError as error:
        say(f"the broker is out of reach, the relay will see to it: {error}", style="yellow")
    return Outcome(command_id, "retried")


def retry_events(name: str, aggregate_id: str | None, *, as_json: bool) -> bool:
    """Fold a projection's parked events again; returns whether none is left of what was tried."""
    named(name)
    found = retry_parked(projector(name), process_name(), aggregate_id)
    if as_json:
        show_json([one.__dict__ for one in found])
    elif found:
        tell(found)
    else:
        of = f" of {aggregate_id}" if aggregate_id else ""
        show(f"{name} has parked nothing{of}")
    return all(one.error is None for one in found)


def tell(found: Sequence[Retried]) -> None:
    made = table("stream", "folded", "left", "", right=("folded", "left"), wrap=("",))
    for one in found:
        style = "red" if one.error else None
        add(made, one.aggregate_id, one.folded, one.left, one.error or "caught up", style=style)
    show(made)
