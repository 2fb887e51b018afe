"""A process that works off inboxes: `python -m tests.integration.drainer URL AGGREGATE_ID…`."""

import sys

import tests.toys  # noqa: F401 - the commands it answers
from store.engine import Database
from store.inbox import Inbox
from tests.integration.inboxes import handler, work_off
from workers.settings import sqlalchemy_url


def main(url: str, aggregate_ids: list[str]) -> None:
    """Say when it is ready; once told, go round the inboxes until nothing waits."""
    database = Database(sqlalchemy_url(url))
    inbox, mine = Inbox(database), handler(database)
    print("ready", flush=True)
    sys.stdin.readline()
    while any(inbox.head(id) for id in aggregate_ids):
        for aggregate_id in aggregate_ids:
            work_off(mine, aggregate_id)
    print("done", flush=True)
    database.dispose()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
