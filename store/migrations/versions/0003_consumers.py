"""Every consumer of the event stream: generations, imported history, deliveries."""

from alembic import op

from store.migrations.running import run_script

revision = "0003"
down_revision = "0002"

PARTS = ("generations", "import", "waiting", "deliveries")


def upgrade() -> None:
    op.execute("set local role fleetlog_owner")
    for part in PARTS:
        run_script(op.get_bind(), f"0003_{part}")
    op.execute("reset role")


def downgrade() -> None:
    raise NotImplementedError("history is not taken back: restore a backup instead")
