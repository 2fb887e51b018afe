"""Copies of a declared table under another name, with all that the schema must not hold twice."""

from sqlalchemy import MetaData, PrimaryKeyConstraint, Table, UniqueConstraint

LONGEST_NAME = 63  # PostgreSQL cuts what is longer, and two names might become one


def suffixed(name: str, suffix: str) -> str:
    """Return a name with a suffix, at the expense of its own end where it would be too long."""
    return f"{name[: LONGEST_NAME - len(suffix)]}{suffix}"


def renamed(table: Table, name: str, suffix: str) -> Table:
    """Return a copy of `table` called `name`; its indexes and keys end in `suffix`."""
    copy = table.to_metadata(MetaData(), name=name)
    keys = (c for c in copy.constraints if isinstance(c, PrimaryKeyConstraint | UniqueConstraint))
    for named in (*copy.indexes, *keys):
        if named.name is not None:
            named.name = suffixed(str(named.name), suffix)
    return copy
