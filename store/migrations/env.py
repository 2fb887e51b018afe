"""Alembic's entry: migrate over the connection that `running.migrate` hands in."""

from alembic import context

from store.schema import CORE_SCHEMA, core

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=core,
    version_table_schema=CORE_SCHEMA,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
