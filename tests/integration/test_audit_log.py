"""The audit log on a real server: what is asked of it, what it costs, and what it never tells."""

import random
from uuid import uuid4

import psycopg
import pytest

from domain.users import UserCreated, UserEmailChanged, UserPasswordChanged
from store import checkpoints
from store.auditing import command_types, page
from store.codec import Metadata, RawEvent
from store.engine import Database, Role
from store.errors import UnknownEventError
from store.event_store import EventStore, Expected
from store.parking import parked_streams
from store.projection import Projection
from store.projector import Projector
from store.read_model_tables import prepare
from store.read_models.analytics.activity import Activity
from store.read_models.analytics.deactivations import Deactivations
from store.read_models.analytics.order_figures import OrderFigures
from store.read_models.audit_log import AuditLog
from tests.conftest import TestDatabase

CONSUMERS = (AuditLog(), Activity(), Deactivations(), OrderFigures())


def catch_up(database: Database, projection: Projection) -> None:
    projector = Projector(database, projection, batch_size=1000)
    advanced = projector.advance(checkpoints.take_over(database, projection.name, "a test"))
    while not advanced.caught_up:
        advanced = projector.advance(advanced.checkpoint)


@pytest.fixture
def prepared(database: Database) -> Database:
    prepare(database, CONSUMERS)
    return database


def test_what_is_claimed_may_be_longer_than_an_index_entry(
    prepared: Database, store: EventStore
) -> None:
    dice = random.Random(1)  # noqa: S311 - no secret
    long = "".join(dice.choices("abcdefghij", k=9000))
    said = Metadata(actor=long, correlation_id=long, reason=long)
    for id, metadata in (("a", said), ("b", Metadata(actor=long[:-1]))):
        event = RawEvent(event_type="Noted", data={})
        store.append_events(id, 0, [event], aggregate_type="Ticket", metadata=metadata)
    for projection in CONSUMERS:
        catch_up(prepared, projection)
    with prepared.connect(Role.READER) as connection:
        by_actor = page(connection, actor=long)
        by_talk = page(connection, correlation_id=long)
        parked = parked_streams(connection, "audit_log")

    assert [entry.aggregate_id for entry in by_actor] == ["a"]
    assert [entry.aggregate_id for entry in by_talk] == ["a"]
    assert parked == []


def test_an_event_as_large_as_they_get_is_audited_too(
    prepared: Database, store: EventStore
) -> None:
    # Addresses are indexed whole and in parts: 250 kB of them, and as much of the value before.
    texts = [" ".join(f"{turn}{n:x}.com/{n:x}" for n in range(17_000)) for turn in "ab"]
    for number, text in enumerate(texts):
        event = RawEvent(event_type="Noted", data={"text": text})
        store.append_events("a", number, [event], aggregate_type="Ticket")
    catch_up(prepared, AuditLog())
    with prepared.connect(Role.READER) as connection:
        found = page(connection, text="noted")

    assert [one["new"] for entry in found for one in entry.changes] == texts


def test_an_event_that_cannot_be_read_parks_its_stream_and_no_other(
    prepared: Database, store: EventStore
) -> None:
    bad = RawEvent(event_type="OrderPlaced", data={"order_id": "bad"})
    left = RawEvent(event_type="UserDeactivated", data={"reason": 5})
    store.append_events("bad", 0, [bad, bad], aggregate_type="Order")
    store.append_events("mad", 0, [left], aggregate_type="User")
    store.append_events("kim", 0, [a_user("kim")])
    for projection in CONSUMERS:
        catch_up(prepared, projection)
    with prepared.connect(Role.READER) as connection:
        figures = parked_streams(connection, "order_figures")
        deactivations = parked_streams(connection, "deactivations")
        audited = {entry.aggregate_id for entry in page(connection)}

    assert [(one.aggregate_id, one.events) for one in figures] == [("bad", 2)]
    assert [(one.aggregate_id, one.events) for one in deactivations] == [("mad", 1)]
    assert "kim" in audited


def test_metadata_that_cannot_be_read_parks_its_stream(
    prepared: Database, store: EventStore, fresh: TestDatabase
) -> None:
    forged = """
    insert into fleetlog.events (event_id, aggregate_id, aggregate_type, event_type, version,
                                 sequence_number, data, metadata, timestamp)
    values (gen_random_uuid(), 'bad', 'Ticket', 'Noted', 1, 1, '{}', '{"actor": 5}', now())
    """
    with psycopg.connect(fresh.admin_url, autocommit=True) as owner:
        owner.execute(forged)
    store.append_events("kim", 0, [a_user("kim")])
    for projection in CONSUMERS:
        catch_up(prepared, projection)
    with prepared.connect(Role.READER) as connection:
        parked = {one.name: parked_streams(connection, one.name) for one in CONSUMERS}
        audited = [entry.aggregate_id for entry in page(connection)]

    assert audited == ["kim"]
    assert {name for name, streams in parked.items() if streams} == {"audit_log", "activity"}


def test_an_event_of_ours_that_no_class_knows_halts_the_log_and_is_not_told(
    prepared: Database, store: EventStore
) -> None:
    store.append_events("kim", 0, [a_user("kim")])
    unknown = RawEvent(event_type="UserMet", data={"whom": "lovelace"})
    store.append_events("kim", 1, [unknown], aggregate_type="User")

    catch_up_to_halt(prepared)
    with prepared.connect(Role.READER) as connection:
        assert [entry.event_type for entry in page(connection)] == ["UserCreated"]


def catch_up_to_halt(database: Database) -> None:
    projector = Projector(database, AuditLog(), batch_size=1000)
    advanced = projector.advance(checkpoints.take_over(database, "audit_log", "a test"))
    with pytest.raises(UnknownEventError, match="'UserMet'"):
        projector.advance(advanced.checkpoint)


def a_user(id: str, name: str = "lovelace") -> UserCreated:
    return UserCreated(user_id=id, username=name, email=f"{name}@example.org")


def test_no_row_of_any_consumer_holds_a_personal_value(
    prepared: Database, store: EventStore, fresh: TestDatabase
) -> None:
    secret = f"kim{uuid4().hex}"
    old = RawEvent(event_type="UserCreated", data={"user_id": "old", "email": f"{secret}@old.org"})
    store.append_events("old", 0, [old], aggregate_type="User")
    facts = [
        a_user("kim", secret),
        UserEmailChanged(new_email=f"{secret}@example.net"),
        UserPasswordChanged(password_hash=f"$argon2id${secret}"),
    ]
    store.append_events("kim", 0, facts, metadata=Metadata(actor="ada"))
    for projection in CONSUMERS:
        catch_up(prepared, projection)
    found = {
        table.name: rows_of(fresh, table.name) for one in CONSUMERS for table in one.tables.values()
    }

    assert secret in "".join(rows_of(fresh, "events", "fleetlog"))  # so this search would find it
    assert len(found["audit_log"]) == 4
    assert len(found["audit_known_values"]) == 2
    assert [name for name, rows in found.items() if secret in "".join(rows)] == []


def rows_of(fresh: TestDatabase, table: str, schema: str = "fleetlog_read_models") -> list[str]:
    with psycopg.connect(fresh.admin_url) as connection:
        return [row for (row,) in connection.execute(f"select t::text from {schema}.{table} t")]


def test_the_database_is_a_witness_beside_what_is_claimed(
    prepared: Database, store: EventStore
) -> None:
    store.append_events("kim", Expected.ANY, [a_user("kim")], metadata=Metadata(actor="the king"))
    catch_up(prepared, AuditLog())
    with prepared.connect(Role.READER) as connection:
        (entry,) = page(connection, actor="the king")

    assert (entry.actor, entry.db_user) == ("the king", "fleetlog_app")


def test_the_type_of_a_command_is_told_where_the_command_is_known(
    prepared: Database, store: EventStore
) -> None:
    known, gone = uuid4(), uuid4()
    for id, command_id in (("kim", known), ("ada", gone)):
        said = Metadata(command_id=str(command_id))
        store.append_events(id, 0, [a_user(id)], metadata=said)
    catch_up(prepared, AuditLog())
    with prepared.connect(Role.WRITER) as connection:
        accept = (
            "select fleetlog.accept_commands(%s::uuid[], '{CreateUser}', '{kim}', "
            "array['{}'], array['{}'], array[null])"
        )
        connection.execute(accept, ([known],))
    with prepared.connect(Role.READER) as connection:
        assert command_types(connection, page(connection)) == {known: "CreateUser"}
