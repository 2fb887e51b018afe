"""Dead letters are kept; an inbox rests between two tries of a failing command."""

from alembic import op

from store.migrations.running import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("set local role fleetlog_owner")
    for part in ("dead_letters", "resting"):
        run_script(op.get_bind(), f"0002_{part}")
    op.execute("reset role")


def downgrade() -> None:
    raise NotImplementedError("history is not taken back: restore a backup instead")
