"""What the database would do to us in a crash, and what our own roles could do to history."""

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg.rows import class_row

from store.engine import Connection, Role
from workers.fleet import fleet
from workers.hazards import Hazard
from workers.safety.findings import Finding

# As a writer's session has them: a role or a database may have settings of its own.
STATE = """
select session_user::text as login,
    (select rolsuper from pg_roles where rolname = session_user) as superuser,
    pg_is_in_recovery() as standby,
    current_setting('fsync') as fsync,
    current_setting('full_page_writes') as full_page_writes,
    current_setting('synchronous_commit') as synchronous_commit
"""
# Of our own roles, of the login, and of every role that it can become (a superuser: any); granted
# on one column or on all.
RIGHTS = """
select r.rolname, string_agg(p.right, ', ' order by p.number)
from pg_roles r
cross join (values (1, 'INSERT'), (2, 'UPDATE'), (3, 'DELETE'), (4, 'TRUNCATE')) p(number, "right")
where (r.rolname = any (%(ours)s)
    or (not %(superuser)s and pg_has_role(session_user, r.oid, 'MEMBER')))
and case when p.number <= 2 then has_any_column_privilege(r.oid, 'fleetlog.events', p.right)
    else has_table_privilege(r.oid, 'fleetlog.events', p.right) end
group by r.rolname order by r.rolname
"""


@dataclass(frozen=True)
class State:
    """What a writer's session says of itself."""

    login: str
    superuser: bool
    standby: bool
    fsync: str
    full_page_writes: str
    synchronous_commit: str


def findings() -> list[Finding]:
    """Ask a writer's session; the database must have been migrated."""
    with fleet.database.connect(Role.WRITER) as connection:
        with connection.cursor(row_factory=class_row(State)) as cursor:
            state = cursor.execute(STATE).fetchone()
        assert state  # noqa: S101 - a select without a table has a row
        return [*about_crashes(state), *about_rights(state, connection)]


def about_crashes(state: State) -> Iterator[Finding]:
    """Yield why a commit may not last."""
    if state.standby:
        yield Finding(
            "the database is a standby: nothing can be stored in it, and what it shows may be "
            "late; point DATABASE_URL to the primary",
            Hazard.STANDBY,
        )
    if state.fsync == "off":
        yield Finding(
            "PostgreSQL runs with fsync off: when its machine crashes, the whole database may be "
            "lost; set fsync = on",
            Hazard.FSYNC,
        )
    if state.full_page_writes == "off":
        yield Finding(
            "PostgreSQL runs with full_page_writes off: when its machine crashes, pages may be "
            "left half written, unless the storage excludes that; set full_page_writes = on",
            Hazard.FULL_PAGE_WRITES,
        )
    if state.synchronous_commit == "off":
        yield Finding(
            f"sessions of {state.login} have synchronous_commit off: a crash loses what was "
            "committed last, also commands that were answered as done; set synchronous_commit = on "
            "for the server, the database and the role",
            Hazard.SYNCHRONOUS_COMMIT,
        )


def about_rights(state: State, connection: Connection) -> Iterator[Finding]:
    """Yield who may change history."""
    if state.superuser:
        yield Finding(
            f"the fleet logs in as {state.login}, who is a superuser: a mistake or an intruder "
            "could change history; name the role fleetlog_app in DATABASE_URL",
            Hazard.SUPERUSER,
        )
    values = {"ours": [role.value for role in Role], "superuser": state.superuser}
    for role, rights in connection.execute(RIGHTS, values).fetchall():
        how = "" if role == state.login else f", as whom {state.login} may act,"
        yield Finding(
            f"the role {role}{how} may change events beside the functions made for it: "
            f"{rights} on fleetlog.events; revoke that, or the membership",
            Hazard.EVENT_RIGHTS,
        )
