"""Whether the database has the schema of this code."""

import sqlalchemy as sa

from store.engine import Role
from store.migrations.running import current_version, known_versions, newest_version
from workers.fleet import fleet
from workers.hazards import Hazard
from workers.safety.findings import Finding

NEVER_MIGRATED = "the database was never migrated; run: fleetlog migrate"
# Roles belong to the whole server: ours may be there before this database has anything.
DENIED, NO_SCHEMA, NO_TABLE = "42501", "3F000", "42P01"


def version_found() -> str | None:
    """Return the schema version of the database, None when it was never migrated."""
    try:
        with fleet.database.engine(Role.READER).connect() as connection:
            return current_version(connection)
    except sa.exc.DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in {DENIED, NO_SCHEMA, NO_TABLE}:
            return None
        if 'role "fleetlog_' in str(error.orig):
            return None
        raise


def misfit(found: str | None) -> Finding | None:
    """Say what is wrong with a database of this schema version, or None."""
    wanted = newest_version()
    if found is None:
        return Finding(NEVER_MIGRATED, fatal=True)
    if found == wanted:
        return None
    versions = f"the database is at schema version {found}, this code needs {wanted}"
    if found in known_versions():
        return Finding(
            f"{versions}: what it lacks fails when it is first used; run: fleetlog migrate",
            Hazard.OLDER_SCHEMA,
        )
    return Finding(
        f"{versions}: a newer fleetlog has migrated it, and this one may misread what that one "
        "stores; install the version that migrated it",
        Hazard.NEWER_SCHEMA,
    )
