"""A live reader: follows the global order through whatever happens, and writes down what it saw."""

import argparse
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg
from sqlalchemy.exc import DBAPIError

from store.engine import Database
from store.event_store import EventStore
from store.recorded import RecordedEvent
from workers.settings import sqlalchemy_url

PAGE = 500
PAUSE_SECONDS = 0.05
AGAIN_SECONDS = 0.5


class Reader:
    """Knows its place and nothing else: after an error it asks again from where it stood."""

    def __init__(self, store: EventStore, out: Path) -> None:
        self._store = store
        self._file = out.open("ab", buffering=0)
        self._position = 0
        self.stopping = False

    def follow(self) -> None:
        """Read until told to stop, and then up to what is safe by then."""
        while not self.stopping:
            if not self._read():
                time.sleep(PAUSE_SECONDS)
        while self._read() is not False:
            pass
        self._file.close()

    def _read(self) -> bool | None:
        """Return whether there was anything to read; None when nobody answered."""
        try:
            page = self._store.get_all_events(self._position, PAGE)
        except (psycopg.Error, DBAPIError) as error:
            print(f"asking again: {type(error).__name__}", flush=True)
            time.sleep(AGAIN_SECONDS)
            return None
        self._write(page)
        return bool(page)

    def _write(self, page: Sequence[RecordedEvent]) -> None:
        if page:
            lines = (f"{event.global_sequence} {event.event_id}\n" for event in page)
            self._file.write("".join(lines).encode())
            self._position = page[-1].global_sequence


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.reader", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="lines of position and event id")
    arguments = parser.parse_args()
    database = Database(sqlalchemy_url(os.environ["DATABASE_URL"]))
    reader = Reader(EventStore(database), arguments.out)

    def stop(*_: object) -> None:
        reader.stopping = True

    signal.signal(signal.SIGTERM, stop)
    reader.follow()
    database.dispose()


if __name__ == "__main__":
    main()
