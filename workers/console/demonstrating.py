"""The demo: a sample load through the whole fleet, and what can be asked afterwards."""

import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from rich.text import Text

from store.engine import Role
from store.inbox import Submission
from workers.console import figures
from workers.console.bars import Bars
from workers.console.endings import Failure
from workers.console.ground import near
from workers.console.histories import View, tell_history
from workers.console.output import add, counted, out, show, table
from workers.console.samples import (
    HERO,
    REFUSED,
    order_ids,
    sample_load,
    suffix_of_next_run,
    users,
)
from workers.console.settling import Settling
from workers.console.standings import rows as standings
from workers.console.summary import counts, speed
from workers.console.supervisor import Supervisor
from workers.fleet import fleet
from workers.projecting import named
from workers.submitting import submit_many

PATIENCE = 60.0
SHOWN_ROWS = 5


def demonstrate(supervisor: Supervisor, *, orders: int, leave: bool) -> None:
    """Give a running fleet work and show what came of it; raises Failure if it did not come."""
    suffix = suffix_of_next_run(fleet.store)
    hero = f"{HERO}{suffix}"
    settling = work_through(supervisor, list(sample_load(orders, suffix)))
    show(counts(settling, 0, waited=True), speed(settling))
    require_outcomes(settling)
    wait_for_projections(supervisor)
    tell_read_model("user_directory", users(suffix)[:SHOWN_ROWS])
    tell_read_model("order_board", order_ids(orders, suffix)[-SHOWN_ROWS:])
    title("A history", f"fleetlog history {hero}")
    tell_history(hero, View())
    title("The lag", "fleetlog projections")
    show(standings(progress()))
    if not leave:
        tell_what_next(hero)
        with suppress(KeyboardInterrupt):
            supervisor.run(lambda: False)


def work_through(supervisor: Supervisor, load: Sequence[Submission]) -> Settling:
    """Submit the load and wait until each command has its outcome, or for a minute."""
    settling = Settling()
    with Bars() as bars:
        bar = bars.bar("working off the sample load", len(load))
        settling.add(submit_many(load))

        def settled() -> bool:
            settling.look()
            bar.at(settling.settled)
            return settling.waiting == 0

        supervisor.run(settled, seconds=PATIENCE)
    return settling


def require_outcomes(settling: Settling) -> None:
    """Raise Failure unless all went as the sample load means it to."""
    if settling.waiting:
        raise Failure(
            f"{counted(settling.waiting, 'command')} had no outcome within {PATIENCE:g} s; "
            "the workers' logs lie in the folder named above"
        )
    if settling.outcomes["parked"] or settling.outcomes["rejected"] != REFUSED:
        raise Failure("the sample load should have come out otherwise; why: fleetlog commands")


def wait_for_projections(supervisor: Supervisor) -> None:
    """Raise Failure unless every projection catches up within a minute."""
    if supervisor.run(lambda: all(one.lag == 0 for one in progress()), seconds=PATIENCE):
        return
    behind = [one for one in progress() if one.lag != 0]
    reasons = [one.problem or f"{one.name} is {one.lag:,} events behind" for one in behind]
    raise Failure(f"not caught up after {PATIENCE:g} s: {'; '.join(reasons)}")


def progress() -> list[figures.Progress]:
    with fleet.database.connect(Role.READER) as connection:
        return figures.progress(connection)


def tell_read_model(name: str, ids: Sequence[str]) -> None:
    """Print some rows of a projection's table, as anybody may select them."""
    (source,) = named(name).tables.values()
    (key,) = source.primary_key.columns
    with fleet.database.engine(Role.READER).connect() as connection:
        total = connection.scalar(sa.select(sa.func.count()).select_from(source))
        found = connection.execute(sa.select(source).where(key.in_(ids)).order_by(key)).all()
    title("A read model", f"{source.fullname}, {len(found)} of {counted(total or 0, 'row')}")
    made = table(*(column.name for column in source.columns))
    for row in found:
        add(made, *(f"{cell:%H:%M:%S}" if isinstance(cell, datetime) else cell for cell in row))
    show(made)


def tell_what_next(id: str) -> None:
    """Say what to try, in words that work from here."""
    name = program()
    title("What next", "from another terminal, in this directory")
    for arguments in (
        "status",
        f"history {id} --version 4",
        f"submit DeactivateUser user_id={id} reason=holiday --wait",
        "rebuild order_board",
    ):
        show(f"  {name} {arguments}")
    show("", Text("Ctrl-C stops everything; the data stays", style="dim"))


def program() -> str:
    """Return how to call us: our own path where the shell would not find us."""
    return "fleetlog" if shutil.which("fleetlog") else near(Path(sys.argv[0]).absolute())


def title(text: str, hint: str) -> None:
    show("", Text.assemble((text, "bold"), (f"   {hint}", "dim")))
    out.file.flush()
