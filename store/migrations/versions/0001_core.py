"""Roles, core tables, the global order, and the functions that write."""

from alembic import op

from store.migrations.running import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_script(op.get_bind(), "0001_roles")
    op.execute("set local role fleetlog_owner")
    for part in ("tables", "order", "append", "commands"):
        run_script(op.get_bind(), f"0001_{part}")
    op.execute("reset role")
    # Every process compares its code with the version it finds.
    op.execute("grant select on fleetlog.alembic_version to fleetlog_reader")


def downgrade() -> None:
    raise NotImplementedError("history is not taken back: restore a backup instead")
