"""One command from the command line: accepted, and if wanted waited for."""

import time
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from store import waiting
from store.codec import Metadata
from store.command_codec import aggregate_id_of
from store.inbox import Acceptance, CommandState, Submission
from store.waiting import Write
from workers import awaiting
from workers.console.endings import Failure, Interrupted
from workers.console.lines import Envelope
from workers.console.output import counted, err, say, show, show_json
from workers.console.values import command_from
from workers.console.wanted import Wanted
from workers.fleet import fleet
from workers.submitting import publish

PATIENCE = 60.0
FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.25


class Asked(NamedTuple):
    """A command in the words of the command line."""

    command_type: str
    pairs: tuple[str, ...]
    json_data: str | None
    command_id: UUID | None


def submit_one(asked: Asked, envelope: Envelope, wanted: Wanted) -> bool:
    """Submit it; returns whether all went well."""
    metadata = Metadata(
        actor=envelope.actor, reason=envelope.reason, correlation_id=envelope.correlation_id
    )
    submission = Submission(
        command_id=asked.command_id or uuid4(),
        command=command_from(asked.command_type, asked.pairs, asked.json_data),
        metadata=metadata,
    )
    names = awaiting.wanted(wanted.wait_for, submission.command)
    (acceptance,) = fleet.inbox.accept([submission])
    try:
        if acceptance.standing in {"new", "accepted"}:
            publish(submission)
        patience = PATIENCE if wanted.timeout is None else wanted.timeout
        deadline = time.monotonic() + patience
        state = outcome(submission, patience) if wanted.waits else None
        shown(names, state, deadline)
    except KeyboardInterrupt:
        raise Interrupted(f"{kept(submission)} and will take effect") from None
    if wanted.as_json:
        show_json(document(submission, acceptance, state))
    elif state is None:
        tell_acceptance(submission, acceptance)
    else:
        tell_outcome(state, acceptance, names)
    return state is None or state.status == "done"


def outcome(submission: Submission, timeout: float) -> CommandState:
    """Wait for it; raises Failure when it takes too long: the command is kept all the same."""
    deadline = time.monotonic() + timeout
    pause = FIRST_PAUSE
    with err.status(f"waiting for {submission.command.command_type}"):
        while True:
            state = fleet.inbox.find(submission.command_id)
            if state is not None and not state.is_open:
                return state
            if time.monotonic() >= deadline:
                raise Failure(
                    f"no outcome after {timeout:g} s; {kept(submission)} and will take effect "
                    "when a worker comes to it. Does one run? Ask: fleetlog status"
                )
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)


def shown(names: tuple[str, ...], state: CommandState | None, deadline: float) -> None:
    """Wait until these projections show it; raises a NotProjectedError."""
    if state is not None and state.status == "done" and names:
        write = Write.of(state.result or {})
        with err.status(f"done; waiting for {', '.join(names)}"):
            waiting.wait_for(fleet.database, names, write, max(0.0, deadline - time.monotonic()))


def kept(submission: Submission) -> str:
    return f"command {submission.command_id} is accepted"


def tell_acceptance(submission: Submission, acceptance: Acceptance) -> None:
    name, to = submission.command.command_type, aggregate_id_of(submission.command)
    if acceptance.standing == "new":
        show(f"accepted {name} for {to}, command id {submission.command_id}")
    else:
        show(f"a repeat: {name} for {to} is {acceptance.standing} already, nothing was added")


def tell_outcome(state: CommandState, acceptance: Acceptance, names: tuple[str, ...]) -> None:
    repeat = "" if acceptance.standing == "new" else " (a repeat: this is its first outcome)"
    if state.status != "done":
        reason = (state.error or {}).get("message") or "no reason was given"
        say(f"{state.status}: {reason}{repeat}", style="red")
        return
    result = state.result or {}
    seconds = ((state.finished_at or state.accepted_at) - state.accepted_at).total_seconds()
    events = counted(result.get("events", 0), "event")
    where = f"; to be seen in {', '.join(names)}" if names else ""
    show(
        f"done: {state.aggregate_id} is at version {result.get('version')}, "
        f"{events} added in {seconds * 1000:,.0f} ms{repeat}{where}"
    )


def document(
    submission: Submission, acceptance: Acceptance, state: CommandState | None
) -> dict[str, Any]:
    """Return the same for a program; `status` is null unless it was waited for."""
    return {
        "command_id": submission.command_id,
        "command_type": submission.command.command_type,
        "aggregate_id": aggregate_id_of(submission.command),
        "standing": acceptance.standing,
        "status": state and state.status,
        "result": state and state.result,
        "error": state and state.error,
        "accepted_at": state and state.accepted_at,
        "finished_at": state and state.finished_at,
    }
