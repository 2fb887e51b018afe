"""The screen of `fleetlog migrate`."""

from store.projection import projections
from store.read_model_tables import prepare
from workers.console.ground import migrated
from workers.console.output import counted, show
from workers.domains import load_domain
from workers.fleet import fleet


def tell_migration() -> None:
    """Migrate, make the tables of read models, and say what was reached."""
    load_domain()
    version = migrated()
    prepare(fleet.database, projections())
    ready = counted(sum(1 for _ in projections()), "projection")
    show(f"the database is at schema version {version}; {ready} ready")
