"""The screen of `fleetlog tail`: events in global order, as they become final."""

import time
from typing import Any, NamedTuple

import click
import msgspec
import psycopg
from rich.text import Text
from sqlalchemy.exc import DBAPIError

from store.business_time import happened_at
from store.errors import UndecodableEventError
from store.following import EventFilter, pages, safe_position
from store.recorded import RecordedEvent
from store.retry import is_passing
from workers.console.failures import explain
from workers.console.histories import as_document
from workers.console.masking import event_fields
from workers.console.output import as_fields, say, show, shown, utc
from workers.console.pipes import until_closed
from workers.fleet import fleet

PAUSE = 0.2  # seconds between two looks for what is new
AWAY_PAUSE = 1.0
PAGE = 200


class Look(NamedTuple):
    """Where to begin, when to end, and what to show."""

    first: int | None = None  # None: what comes from now on
    until_now: bool = False
    personal: bool = False
    as_json: bool = False


def tail(wanted: EventFilter, look: Look) -> None:
    """Print events until somebody stops us, or until all that are final now are told."""
    after = safe_position(fleet.database) if look.first is None else look.first - 1
    with until_closed():
        try:
            Tail(wanted, look, after).run()
        except KeyboardInterrupt:
            return


class Tail:
    """One reader on its way through the store; `position` is how far it is."""

    def __init__(self, wanted: EventFilter, look: Look, position: int) -> None:
        self.position = position
        self._wanted = wanted
        self._look = look
        self._away = False

    def run(self) -> None:
        end = safe_position(fleet.database) if self._look.until_now else None
        while end is None or self.position < end:
            try:
                self._tell_up_to(end or safe_position(fleet.database))
            except (psycopg.Error, DBAPIError) as error:
                self._wait_for_database(error)
            else:
                if end is None:
                    time.sleep(PAUSE)

    def _tell_up_to(self, upto: int) -> None:
        for page in pages(fleet.database, self._wanted, after=self.position, upto=upto, page=PAGE):
            if page.events:
                self._tell(page.events)
            self.position = page.position
        if self._away:
            self._away = False
            say("the database is back", style="dim")

    def _tell(self, events: list[RecordedEvent]) -> None:
        mask = not self._look.personal
        if self._look.as_json:
            lines = (msgspec.json.encode(document(event, mask=mask)) for event in events)
            click.echo(b"\n".join(lines))
        else:
            show(Text("\n").join(line(event, mask=mask) for event in events))

    def _wait_for_database(self, error: psycopg.Error | DBAPIError) -> None:
        """Say once that it is away, and let a while pass; raises what will not pass by itself."""
        if not is_passing(error):
            raise error
        if not self._away:
            self._away = True
            say(f"{explain(error)}; going on when it is back", style="yellow")
        time.sleep(AWAY_PAUSE)


def line(event: RecordedEvent, *, mask: bool) -> Text:
    """Return an event on one line; its time is when it happened, elsewhere if it was there."""
    try:
        when, actor = happened_at(event), event.metadata.actor
        fields = as_fields(event_fields(event, mask=mask))
    except UndecodableEventError as error:
        when, actor, fields = event.timestamp, None, str(error)
    return Text.assemble(
        (f"{event.global_sequence:>8}", "dim"),
        f"  {utc(when)}  ",
        (shown(event.event_type), "bold"),
        f"  {shown(event.aggregate_type)} {shown(event.aggregate_id)}  ",
        (shown(actor), "dim"),
        f"  {fields}" if fields else "",
    )


def document(event: RecordedEvent, *, mask: bool) -> dict[str, Any]:
    """Return the same for a program, on one line too."""
    place = {"aggregate_type": event.aggregate_type, "aggregate_id": event.aggregate_id}
    try:
        return place | as_document(event, mask=mask)
    except UndecodableEventError as error:
        return place | {"position": event.global_sequence, "error": str(error)}
