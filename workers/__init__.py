"""The fleet: Celery and the person's tools, wired to the domain and the store."""
