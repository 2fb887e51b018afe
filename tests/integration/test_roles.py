"""What each role may do: the application's own roles cannot change history."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from store.appending import Append
from store.codec import Metadata
from store.engine import Connection, Database, Role
from store.event_store import EventStore
from tests.conftest import TestDatabase
from tests.integration.accepting import new_command
from tests.integration.order_load import INTO, facts

OWNER, LOGIN = "fleetlog_owner", "fleetlog_app"
ROLES = [*(role.value for role in Role), LOGIN]
ROW = "(gen_random_uuid(), 's', 'Load', 'Loaded', 1, 9, '{}', '{}', now())"
INSERT = f"{INTO} values {ROW}"
EVENTS_KEPT = "select count(*), count(*) filter (where data = '{\"n\": 0}') from fleetlog.events"

CHANGES = {
    "update": "update fleetlog.events set data = '{}'",
    "update_of_nothing": "update fleetlog.events set data = '{}' where false",
    "delete": "delete from fleetlog.events",
    "truncate": "truncate fleetlog.events",
    "truncate_cascade": "truncate fleetlog.events restart identity cascade",
    "upsert": f"{INSERT} on conflict (event_id) do update set data = '{{}}'",
    "merge_update": "merge into fleetlog.events e using (select 1) s on true "
    "when matched then update set data = '{}'",
    "merge_delete": "merge into fleetlog.events e using (select 1) s on true "
    "when matched then delete",
    "query": "with gone as (delete from fleetlog.events returning 1) select count(*) from gone",
}
BEYOND_THE_WRITER = {
    "insert_an_event": INSERT,
    "copy_events": "copy fleetlog.events from stdin",
    "draw_a_position": "select nextval('fleetlog.events_global_sequence_seq')",
    "set_the_position": "select setval('fleetlog.events_global_sequence_seq', 1)",
    "alter_the_sequence": "alter sequence fleetlog.events_global_sequence_seq restart",
    "silence_a_trigger": "alter table fleetlog.events disable trigger events_announce",
    "drop_a_trigger": "drop trigger events_no_change on fleetlog.events",
    "write_as_a_replica": "set session_replication_role = replica",
    "insert_a_command": "insert into fleetlog.commands (command_id, command_type, aggregate_id, "
    "payload, metadata, status) values (gen_random_uuid(), 'Load', 's', '{}', '{}', 'done')",
    "update_a_command": "update fleetlog.commands set status = 'done'",
    "delete_a_command": "delete from fleetlog.commands",
    "truncate_commands": "truncate fleetlog.commands",
    "replace_a_function": "create or replace function fleetlog.safe_position() returns bigint "
    "language sql as 'select 0'",
    "create_in_the_schema": "create table fleetlog.mine (n integer)",
    "lock_the_table": "do $$ begin lock table fleetlog.events in exclusive mode; end $$",
    "become_the_owner": "set role fleetlog_owner",
}
CALLS = {
    "append_events": "select fleetlog.append_events('s', 'Load', -1, '{}', '{}', '{}', '{}', '{}', "
    "null, null, null)",
    "accept_commands": "select fleetlog.accept_commands('{}', '{}', '{}', '{}', '{}', '{}')",
    "import_events": "select fleetlog.import_events('{}', '{}', '{}', '{}', '{}', '{}', '{}', "
    "'{}', '{}')",
    "retry_commands": "select fleetlog.retry_commands('{}')",
    "set_aside_command": "select fleetlog.set_aside_command(gen_random_uuid(), 'cancelled', null)",
}
OPEN_TO_ALL = """
select p.oid::regprocedure::text from pg_proc p
cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) granted
where p.pronamespace = 'fleetlog'::regnamespace and granted.grantee = 0
"""
NOT_PINNED = """
select p.oid::regprocedure::text from pg_proc p
where p.pronamespace = 'fleetlog'::regnamespace and p.prosecdef
and not coalesce(p.proconfig, '{}') @> array['search_path=fleetlog, pg_temp']
"""
TABLES_OPEN_TO_ALL = """
select c.oid::regclass::text from pg_class c cross join aclexplode(c.relacl) granted
where c.relnamespace = 'fleetlog'::regnamespace and granted.grantee = 0
"""
NOT_THE_OWNERS = """
select c.oid::regclass::text from pg_class c
where c.relnamespace = 'fleetlog'::regnamespace and c.relkind in ('r', 'S')
and c.relowner <> 'fleetlog_owner'::regrole and c.relname <> 'alembic_version'
"""
MAY_LOG_IN = "select rolname from pg_roles where rolname like 'fleetlog%' and rolcanlogin"
POWERFUL = """
select rolname from pg_roles where rolname like 'fleetlog%'
and (rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication)
"""


@pytest.fixture
def superuser(fresh: TestDatabase, store: EventStore) -> Iterator[Connection]:
    """The superuser, in a store of two events."""
    store.append_events("s", 0, facts(2), aggregate_type="Load")
    with closing(psycopg.connect(fresh.admin_url, autocommit=True)) as connection:
        yield connection


def refused(connection: Connection, statement: str) -> str:
    """Return with which words the database refuses a statement."""
    with pytest.raises(InsufficientPrivilege) as refusal:
        connection.execute(statement.encode())
    return str(refusal.value.diag.message_primary)


def names(connection: Connection, query: str) -> list[str]:
    return [name for (name,) in connection.execute(query.encode())]


def test_nobody_changes_an_event_neither_owner_nor_superuser(superuser: Connection) -> None:
    said = {}
    for role in ("none", OWNER):
        superuser.execute(f"set role {role}".encode())
        for name, change in CHANGES.items():
            said[role, name] = refused(superuser, change)
    superuser.execute("reset role")

    assert all("events are append-only" in words for words in said.values()), said
    assert superuser.execute(EVENTS_KEPT).fetchone() == (2, 1)


def test_nobody_changes_an_event_in_the_guise_of_a_replica(superuser: Connection) -> None:
    superuser.execute("set session_replication_role = replica")
    said = [refused(superuser, change) for change in CHANGES.values()]

    assert all("events are append-only" in words for words in said), said
    assert superuser.execute(EVENTS_KEPT).fetchone() == (2, 1)


@pytest.mark.parametrize("role", ROLES)
def test_no_role_of_the_application_changes_an_event(superuser: Connection, role: str) -> None:
    superuser.execute(f"set session authorization {role}".encode())
    said = [refused(superuser, change) for change in CHANGES.values()]
    superuser.execute("reset session authorization")

    assert all("permission denied" in words for words in said), said
    assert superuser.execute(EVENTS_KEPT).fetchone() == (2, 1)


@pytest.mark.parametrize("role", Role)
def test_no_role_of_the_application_goes_around_the_functions(
    superuser: Connection, database: Database, role: Role
) -> None:
    with database.connect(role) as connection:
        for attempt in BEYOND_THE_WRITER.values():
            refused(connection, attempt)

    assert superuser.execute(EVENTS_KEPT).fetchone() == (2, 1)


@pytest.mark.parametrize("role", [Role.READER, Role.PROJECTOR])
def test_only_the_writer_may_call_what_writes(
    superuser: Connection, database: Database, role: Role
) -> None:
    with database.connect(role) as connection:
        said = {name: refused(connection, call) for name, call in CALLS.items()}

    assert {name: words.rpartition(" ")[2] for name, words in said.items()} == {
        name: name for name in CALLS
    }
    assert superuser.execute(EVENTS_KEPT).fetchone() == (2, 1)


def test_the_writer_may_call_what_writes(database: Database) -> None:
    with database.connect(Role.WRITER) as connection:
        for call in CALLS.values():
            connection.execute(call.encode())

        assert connection.info.transaction_status.name == "IDLE"


def test_the_login_alone_may_do_nothing(fresh: TestDatabase, superuser: Connection) -> None:
    with closing(psycopg.connect(fresh.url, autocommit=True)) as login:
        refused(login, "select * from fleetlog.events")
        refused(login, "select fleetlog.safe_position()")
        for call in CALLS.values():
            refused(login, call)

    assert superuser.execute(EVENTS_KEPT).fetchone() == (2, 1)


@pytest.mark.parametrize("role", Role)
def test_every_role_reads_events_and_the_safe_position(
    superuser: Connection, database: Database, role: Role
) -> None:
    with database.connect(role) as connection:
        events = connection.execute("select count(*) from fleetlog.events").fetchone()
        safe = connection.execute("select fleetlog.safe_position()").fetchone()

    assert (events, safe) == ((2,), (2,))
    assert superuser.execute(EVENTS_KEPT).fetchone() == (2, 1)


def test_public_may_execute_no_function_of_ours_and_read_no_table(superuser: Connection) -> None:
    assert names(superuser, OPEN_TO_ALL) == []
    assert names(superuser, TABLES_OPEN_TO_ALL) == []


def test_every_function_that_acts_as_its_owner_pins_its_search_path(
    superuser: Connection,
) -> None:
    assert names(superuser, NOT_PINNED) == []


def test_a_temporary_table_does_not_lead_a_function_astray(
    superuser: Connection, database: Database
) -> None:
    append = Append("s", 2, facts(1), "Load", Metadata(), new_command())
    with database.connect(Role.WRITER) as connection:
        connection.execute("create temporary table events (like fleetlog.events)")
        connection.execute("create temporary table commands (like fleetlog.commands)")
        connection.execute("create temporary sequence events_global_sequence_seq")
        appended = append.run(connection)
        safe = connection.execute("select fleetlog.safe_position()").fetchone()

    assert (appended.version, safe) == (3, (3,))
    assert superuser.execute(EVENTS_KEPT).fetchone() == (3, 2)


def test_the_owner_owns_the_tables_and_only_the_login_logs_in(superuser: Connection) -> None:
    assert names(superuser, NOT_THE_OWNERS) == []
    assert names(superuser, MAY_LOG_IN) == [LOGIN]
    assert names(superuser, POWERFUL) == []
