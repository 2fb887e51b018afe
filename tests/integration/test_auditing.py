"""Asking the audit log: every filter finds what it should, by its index, page by page."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from store.audit_table import AuditEntry
from store.auditing import page, question
from store.engine import Connection, Database, Role
from store.read_model_tables import prepare
from store.read_models.audit_log import AuditLog
from tests.integration.lent import lent
from tests.integration.test_audit_log import catch_up
from workers.embedded import Servers
from workers.settings import sqlalchemy_url

MANY = 12_000
ACTORS = 400
PAST = datetime(2012, 1, 1, tzinfo=UTC)
FILL = """
insert into fleetlog.events (event_id, aggregate_id, aggregate_type, event_type, version,
                             sequence_number, data, metadata, timestamp)
select gen_random_uuid(), 'case ' || n %% 3000,
       case when n %% 500 = 0 then 'Rare' else 'Ticket' end,
       case when n %% 600 = 0 then 'Reopened' else 'Assigned' end, 1, 1 + n / 3000,
       jsonb_build_object('section', 'section ' || n %% 900, 'note', md5(n::text)),
       jsonb_build_object('actor', 'actor ' || n %% 400, 'correlation_id', 'talk ' || n / 10,
                          'occurred_at', timestamptz '2012-01-01Z' + n * interval '1 hour'),
       clock_timestamp()
from generate_series(0, %s - 1) n
"""


@pytest.fixture(scope="module")
def log(running: Servers) -> Iterator[Connection]:
    """Some ten thousand entries, and a connection of those who may read them."""
    with lent(running) as made:
        database = Database(sqlalchemy_url(made.url))
        prepare(database, [AuditLog()])
        with psycopg.connect(made.admin_url, autocommit=True) as owner:
            owner.execute(FILL, (MANY,))
            catch_up(database, AuditLog())
            owner.execute("vacuum analyze fleetlog_read_models.audit_log")
        with database.connect(Role.READER) as connection:
            yield connection
        database.dispose()


def numbers(entries: list[AuditEntry]) -> list[int]:
    """Return the numbers that FILL gave the events: positions, counted from 0."""
    return [entry.position - 1 for entry in entries]


def test_the_newest_entries_come_last(log: Connection) -> None:
    assert numbers(page(log, limit=3)) == [MANY - 3, MANY - 2, MANY - 1]


def test_pages_lead_from_the_first_entry_to_the_last(log: Connection) -> None:
    found: list[AuditEntry] = []
    while entries := page(log, actor="actor 7", after_position=after(found), limit=7):
        found += entries

    assert numbers(found) == list(range(7, MANY, ACTORS))


def after(found: list[AuditEntry]) -> int:
    return found[-1].position if found else 0


def test_every_filter_finds_its_entries_and_no_others(log: Connection) -> None:
    noon = PAST + timedelta(hours=4000)

    assert numbers(page(log, aggregate_id="case 42")) == [42, 3042, 6042, 9042]
    assert numbers(page(log, aggregate_type="Rare")) == list(range(0, MANY, 500))
    assert numbers(page(log, event_type="Reopened")) == list(range(0, MANY, 600))
    assert numbers(page(log, correlation_id="talk 77")) == list(range(770, 780))
    assert numbers(page(log, since=noon, until=noon + timedelta(hours=3))) == [4000, 4001, 4002]
    assert numbers(page(log, event_type="Reopened", aggregate_type="Rare")) == [0, 3000, 6000, 9000]
    assert page(log, actor="actor 7", event_type="Vanished") == []


def test_text_is_searched_in_words_in_fields_and_in_values(log: Connection) -> None:
    (note,) = (one["new"] for one in page(log, limit=1)[0].changes if one["field"] == "note")

    assert numbers(page(log, text=note)) == [MANY - 1]
    assert numbers(page(log, text='reopened "case 600"')) == [600, 3600, 6600, 9600]
    assert numbers(page(log, text="reopened -rare"))[:3] == [600, 1200, 1800]
    assert page(log, text='"600 case"') == []
    assert len(page(log, text="note", limit=5)) == 5
    assert page(log, text=""" ' ) :* \\ " """) == []


FILTERS: dict[str, dict[str, Any]] = {
    "audit_log_actor": {"actor": "actor 7"},
    "audit_log_aggregate": {"aggregate_id": "case 42"},
    "audit_log_aggregate_type": {"aggregate_type": "Rare"},
    "audit_log_event_type": {"event_type": "Reopened"},
    "audit_log_correlation": {"correlation_id": "talk 77"},
    "audit_log_happened": {"since": PAST, "until": PAST + timedelta(hours=5)},
    "audit_log_text": {"text": "d41d8cd98f00b204e9800998ecf8427e"},
    "audit_log_pkey": {"after_position": 4000},
}


@pytest.mark.parametrize("index", FILTERS)
def test_every_filter_has_its_index(log: Connection, index: str) -> None:
    given = FILTERS[index]
    query = f"explain {question(given)}"
    plan = log.execute(query, {**given, "limit": 100}, prepare=False).fetchall()
    shown = "\n".join(line for (line,) in plan)

    assert index in shown
    assert "Seq Scan" not in shown
