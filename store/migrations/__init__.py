"""The core tables, roles and functions, version by version (Alembic)."""
