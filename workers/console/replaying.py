"""The screen of `fleetlog replay`: a read model as it was then, or one that was never deployed."""

import importlib.util
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from store.engine import Role
from store.errors import StoreError, UnknownEventError
from store.event_store import read_safe_position
from store.folding import PoisonError
from store.moments import position_at
from store.projection import Projection, check_rows
from store.replaying import Replay, Replayed
from workers.console.bars import Bars
from workers.console.endings import Failure, Interrupted
from workers.console.output import add, counted, say, show, show_json, span, table, utc
from workers.fleet import fleet
from workers.projecting import named
from workers.settings import current_settings

ROWS = 20


@dataclass(frozen=True)
class Wish:
    """What is to be replayed, up to where, and where its rows are to stay; None: nowhere."""

    until: int | datetime | None
    into: str | None
    replace: bool
    limit: int
    as_json: bool


def replay(name: str, wish: Wish) -> None:
    """Fold up to a moment, show rows, and keep them under the name that was asked for."""
    declared = from_file(name) if is_file(name) else named(name)
    until = position_of(wish.until)
    work = Replay(
        fleet.database,
        declared,
        wish.into or f"replay_{time.time_ns():x}",
        batch_size=current_settings().batch_size,
    )
    work.create(replace=wish.replace)
    with dropped_unless_done(work, keep=wish.into is not None):
        start = time.monotonic()
        done = folded(work, until, declared.name)
        seconds = time.monotonic() - start
        rows = {t.name: first_rows(t, wish.limit) for t in work.tables.values()}
    if wish.as_json:
        show_json(document(wish, done, rows))
        return
    for one in rows.values():
        tell_rows(one)
    tell(declared.name, wish, done, seconds)


@contextmanager
def dropped_unless_done(work: Replay, *, keep: bool) -> Iterator[None]:
    """A table that does not hold what it promises is no table to leave behind."""
    try:
        yield
    except BaseException:
        work.drop()
        raise
    if not keep:
        work.drop()


def folded(work: Replay, until: int, name: str) -> Replayed:
    start = time.monotonic()
    try:
        with Bars() as bars:
            bar = bars.bar(f"replaying {name}", max(until, 1))

            def told(so_far: Replayed) -> None:
                rate = so_far.events / max(time.monotonic() - start, 0.001)
                bar.at(so_far.position, note=f"{rate:,.0f}/s")

            return work.run(until, told)
    except KeyboardInterrupt:
        raise Interrupted("nothing was kept of the replay") from None
    except (UnknownEventError, PoisonError) as error:
        raise Failure(f"{name} cannot be replayed beyond this: {error}") from error


def position_of(until: int | datetime | None) -> int:
    """Return where the replay ends: a time means what was recorded up to then."""
    with fleet.database.connect(Role.READER) as connection:
        safe = read_safe_position(connection)
        if until is None:
            return safe
        if isinstance(until, datetime):
            position = position_at(connection, until)
            say(f"{utc(until)} is position {position:,}", style="dim")
            return position
    if until > safe:
        raise Failure(f"position {until:,} is not final yet; the last one that is: {safe:,}")
    return until


def first_rows(source: sa.Table, limit: int) -> list[dict[str, Any]]:
    query = sa.select(source).order_by(*source.primary_key.columns).limit(limit)
    with fleet.database.engine(Role.READER).connect() as connection:
        return [dict(row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - its name


def tell_rows(rows: list[dict[str, Any]]) -> None:
    if rows:
        made = table(*rows[0])
        for row in rows:
            add(made, *row.values())
        show(made)


def tell(name: str, wish: Wish, done: Replayed, seconds: float) -> None:
    """Say what was folded, what was left out, and where the rows are."""
    show(
        f"{name} as of position {done.position:,}: {counted(done.events, 'event')} "
        f"in {span(seconds)}"
    )
    if done.parked:
        streams, first = done.streams_left_out, done.parked[0]
        say(
            f"{counted(len(streams), 'stream')} left out, the first for: {first.error}", style="red"
        )
    if wish.into is not None:
        say(f"its rows are in fleetlog_read_models.{wish.into}", style="dim")
    else:
        say("nothing was kept; --into TABLE keeps it", style="dim")


def document(wish: Wish, done: Replayed, rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {
        "position": done.position,
        "events": done.events,
        "streams_left_out": sorted(done.streams_left_out),
        "into": wish.into,
        "rows": {str(name): found for name, found in rows.items()},
    }


def is_file(name: str) -> bool:
    """`path.py:Class` names a projection in a file, which nobody has deployed."""
    return name.rpartition(":")[0].endswith(".py")


def from_file(name: str) -> Projection:
    """Import the file and make its projection; raises Failure, saying what is wrong with it."""
    place, _, class_name = name.rpartition(":")
    spec = importlib.util.spec_from_file_location("fleetlog_ad_hoc", Path(place))
    if spec is None or spec.loader is None or not Path(place).exists():
        raise Failure(f"there is no file {place}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise Failure(f"{place} cannot be imported: {type(error).__name__}: {error}") from error
    kind = getattr(module, class_name, None)
    if not (isinstance(kind, type) and issubclass(kind, Projection) and hasattr(kind, "name")):
        raise Failure(
            f"{place} has no projection {class_name}: it must be a class like "
            f'class {class_name}(RowProjection[...], name="...")'
        )
    made = kind()
    try:
        check_rows(made)
    except StoreError as error:
        raise Failure(str(error)) from error
    return made
