"""Analytics and audit log over a real past equal a fold written in plain Python."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

import psycopg
import pytest
from sqlalchemy.orm import Session

from domain.users import UserDeactivated
from store import checkpoints
from store.codec import Metadata
from store.engine import Database, Role
from store.event_store import EventStore, Expected
from store.projector import Projector
from store.read_model_tables import prepare
from store.read_models.analytics.activity import Activity
from store.read_models.analytics.deactivations import Deactivations
from store.read_models.analytics.order_figures import OrderFigures
from store.read_models.audit_log import AuditLog
from tests import plain_folds
from tests.conftest import TestDatabase
from tests.integration.lent import lent
from tests.integration.real_past import copy_in
from tests.integration.test_read_models import OLD, fill
from tests.plain_folds import Fact
from tests.processes import ROOT
from workers.console.audit import audit
from workers.embedded import Servers
from workers.settings import sqlalchemy_url

CONSUMERS = (Activity(), Deactivations(), OrderFigures(), AuditLog())
PAGE = ROOT / "docs" / "read-models.md"
EACH = 4000


@dataclass(frozen=True)
class Past:
    """All events as they lie in the table, and the consumers' tables beside them."""

    facts: list[Fact]
    database: TestDatabase

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database.admin_url) as connection:
            connection.execute("set timezone = 'UTC'")
            return connection.execute(query.encode()).fetchall()


@pytest.fixture(scope="module")
def past(running: Servers) -> Iterator[Past]:
    """Two logs and an order load where they are at hand, and our own lives before and after."""
    with lent(running) as made:
        database = Database(sqlalchemy_url(made.url))
        store = EventStore(database)
        live(store, seed=1)
        prepare(database, CONSUMERS)
        catch_up(database, batch_size=7)
        copy_in(made, EACH)
        live(store, seed=2)
        catch_up(database, batch_size=1000)
        yield Past(plain_folds.facts(made.admin_url), made)
        database.dispose()


def live(store: EventStore, seed: int) -> None:
    fill(store, seed, 60)
    store.append_events(
        f"old {seed}", 0, [OLD], aggregate_type="User", metadata=Metadata(actor="kim")
    )
    said = Metadata(actor="ada", reason=f"reason {seed}", correlation_id="talk", causation_id="c")
    left = UserDeactivated(reason="moved away")
    store.append_events(f"old {seed}", Expected.EXISTS, [left], metadata=said)


def catch_up(database: Database, batch_size: int) -> None:
    for projection in CONSUMERS:
        projector = Projector(database, projection, batch_size=batch_size)
        advanced = projector.advance(checkpoints.take_over(database, projection.name, "a test"))
        while not advanced.caught_up:
            advanced = projector.advance(advanced.checkpoint)


def test_nothing_is_parked_and_every_event_is_counted_and_audited_once(past: Past) -> None:
    counted = past.rows("select sum(events) from fleetlog_read_models.analytics_event_counts")
    audited = past.rows("select count(*) from fleetlog_read_models.audit_log")

    assert past.rows("select * from fleetlog.parked_events") == []
    assert counted[0][0] == audited[0][0] == len(past.facts) > 100


def test_events_are_counted_by_type_and_hour(past: Past) -> None:
    found = past.rows(
        "select to_char(hour, 'YYYY-MM-DD HH24'), aggregate_type, event_type, events "
        "from fleetlog_read_models.analytics_event_counts"
    )

    assert {row[:-1]: row[-1] for row in found} == plain_folds.event_counts(past.facts)


def test_users_are_counted_by_the_day_they_were_active_on(past: Past) -> None:
    found = past.rows("select day::text, users from fleetlog_read_models.analytics_active_users")

    assert dict(found) == plain_folds.active_users(past.facts)


def test_deactivations_are_counted_by_day_and_reason(past: Past) -> None:
    found = past.rows(
        "select day::text, reason, deactivations from fleetlog_read_models.analytics_deactivations"
    )

    assert len(found) > 1
    assert {row[:2]: row[2] for row in found} == plain_folds.deactivations(past.facts)


def test_order_values_are_added_up_by_the_day(past: Past) -> None:
    found = past.rows(
        "select day::text, orders, value from fleetlog_read_models.analytics_order_values"
    )
    values = {day: (orders, Fraction(value)) for day, orders, value in found}

    assert values == plain_folds.order_values(past.facts)


def test_the_times_to_paid_and_shipped_are_in_their_buckets_and_add_up(past: Past) -> None:
    found = past.rows(
        "select step, within, orders, seconds from fleetlog_read_models.analytics_order_times"
    )

    assert {row[0] for row in found} == {"paid", "shipped"}
    assert {row[:2]: row[2:] for row in found} == plain_folds.order_times(past.facts)


def test_every_event_has_its_entry_with_its_values_before_and_after(past: Past) -> None:
    found = dict(map(plain_folds.as_entry, past.rows(plain_folds.AUDIT_ENTRIES)))

    assert found == plain_folds.audit_entries(past.facts)


def test_the_words_of_imported_events_are_those_of_their_own_system(past: Past) -> None:
    """Each line of both logs says in `activity` what its type was made of."""
    words = dict(past.rows("select position, words from fleetlog_read_models.audit_log"))
    imported = [fact for fact in past.facts if "activity" in fact.data]

    assert [fact for fact in imported if not says(words[fact.position], fact)] == []


def says(words: str, fact: Fact) -> bool:
    subject = f"{fact.kind} {fact.id}"
    said = words.removeprefix(subject).removeprefix(" was").removeprefix(":")
    return words.startswith(subject) and squeezed(said) == squeezed(fact.data["activity"])


def squeezed(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())


def blocks(language: str) -> list[str]:
    """Return the examples of our page, in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_every_query_of_the_page_has_an_answer(past: Past) -> None:
    assert len(blocks("sql")) == 6
    assert [query for query in blocks("sql") if not past.rows(query)] == []


def test_the_median_of_the_page_is_one(past: Past) -> None:
    (example, *_) = blocks("python")
    defined: dict[str, Any] = {}
    exec(example, defined)  # noqa: S102 - our own page
    database = Database(sqlalchemy_url(past.database.url))
    with Session(database.engine(Role.READER)) as session:
        median = defined["median_until"]("paid", session)
    database.dispose()

    assert timedelta() < median <= timedelta(days=90)


def test_every_call_of_the_page_is_one_that_the_command_takes() -> None:
    calls = [shlex.split(line) for line in re.findall(r"^\$ (.*)$", PAGE.read_text(), re.MULTILINE)]

    assert len(calls) == 3
    for program, name, *options in calls:
        assert (program, name) == ("fleetlog", audit.name)
        assert audit.make_context(name, options).params["limit"] in {50, 100}
