"""What follows a table when another takes its name: grants, indexes of a user's own, views."""

from collections.abc import Sequence
from typing import NamedTuple

from psycopg import errors, sql

from store.engine import Connection
from store.errors import GenerationError
from store.read_model_tables import place

GRANTS = """
select case when a.grantee = 0 then null else a.grantee::regrole::text end,
       a.privilege_type, a.is_grantable, null
from pg_class c, aclexplode(c.relacl) a
where c.oid = %(table)s::regclass and a.grantee <> c.relowner
union all
select case when a.grantee = 0 then null else a.grantee::regrole::text end,
       a.privilege_type, a.is_grantable, t.attname::text
from pg_class c join pg_attribute t on t.attrelid = c.oid and not t.attisdropped,
     aclexplode(t.attacl) a
where c.oid = %(table)s::regclass and a.grantee <> c.relowner
"""
# Ours bear a comment: see store/read_model_tables.py.
OWN_INDEXES = """
select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
from pg_index i
where i.indrelid = %s::regclass and obj_description(i.indexrelid, 'pg_class') is null
  and not exists (select from pg_constraint c where c.conindid = i.indexrelid)
"""
COLUMNS = """
select attname::text from pg_attribute
where attrelid = %s::regclass and attnum > 0 and not attisdropped
"""
DEPENDENT = """
select distinct format('%%I.%%I', n.nspname, v.relname), v.relkind::text, v.relowner::regrole::text,
       pg_has_role(v.relowner, 'usage'), pg_get_viewdef(v.oid),
       array_to_string(v.reloptions, ', ')
from pg_depend d join pg_rewrite r on r.oid = d.objid join pg_class v on v.oid = r.ev_class
     join pg_namespace n on n.oid = v.relnamespace
where d.classid = 'pg_rewrite'::regclass and d.refobjid = %s::regclass
  and d.refclassid = 'pg_class'::regclass and v.oid <> d.refobjid
order by 1
"""

# What an index is made of went away, or is of another kind now.
UNDEFINED = (errors.UndefinedColumn, errors.UndefinedObject, errors.UndefinedFunction)


class View(NamedTuple):
    """A view that reads a table, as it was written while the table had its name."""

    name: str
    definition: str
    options: str | None


def copy_grants(connection: Connection, table: str, onto: str) -> None:
    """Let whoever may use `table` use the other likewise, as far as it has the columns."""
    columns = columns_of(connection, onto)
    for grantee, privilege, grantable, column in connection.execute(GRANTS, {"table": at(table)}):
        if column is not None and column not in columns:
            continue
        of = sql.SQL("({})").format(sql.Identifier(column)) if column else sql.SQL("")
        connection.execute(
            sql.SQL("grant {}{} on {} to {}{}").format(
                sql.SQL(privilege),
                of,
                place(onto),
                sql.SQL(grantee or "public"),  # regrole has quoted it where it must
                sql.SQL(" with grant option" if grantable else ""),
            )
        )


def copy_indexes(connection: Connection, table: str, onto: str, suffix: str) -> list[str]:
    """
    Make the indexes that people have added to `table` on the other one, too.

    Returns those that could not be made, because what they index is no longer there.
    """
    missing = []
    for name, definition in connection.execute(OWN_INDEXES, (at(table),)).fetchall():
        # "CREATE [UNIQUE] INDEX name ON table USING ...", as PostgreSQL writes it down.
        head, _, tail = definition.partition(" USING ")
        unique = sql.SQL("unique " if " UNIQUE " in head else "")
        bare = name.rpartition(".")[2].strip('"')
        made = sql.Identifier(f"{bare[: 63 - len(suffix)]}{suffix}")
        create = sql.SQL("create {}index if not exists {} on {} using {}")
        try:
            with connection.transaction():
                connection.execute(create.format(unique, made, place(onto), sql.SQL(tail)))
        except UNDEFINED:
            missing.append(name)
    return missing


def views_on(connection: Connection, projection: str, table: str) -> Sequence[View]:
    """
    Return the views that read `table`, which we may write anew.

    Raises GenerationError, naming it, for one that cannot follow.
    """
    found = []
    for name, kind, owner, ours, definition, options in connection.execute(DEPENDENT, (at(table),)):
        if kind != "v":
            raise GenerationError(
                projection,
                f"cannot hand its name on: {name} is no plain view of {table} and would stay with "
                "the old rows; drop it, rebuild, and make it again",
            )
        if not ours:
            raise GenerationError(
                projection,
                f"cannot hand its name on: the view {name} belongs to {owner}; run as that role: "
                f"grant {owner} to fleetlog_projector",
            )
        found.append(View(name, definition, options))
    return found


def rewrite(connection: Connection, view: View) -> None:
    """Let the view read whatever has the names now that it was written with."""
    options = f" with ({view.options})" if view.options else ""
    statement = f"create or replace view {view.name}{options} as {view.definition}"
    connection.execute(statement.encode())  # both in PostgreSQL's own words


def columns_of(connection: Connection, table: str) -> set[str]:
    return {name for (name,) in connection.execute(COLUMNS, (at(table),))}


def at(table: str) -> str:
    return place(table).as_string(None)
