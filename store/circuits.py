"""
A circuit for each endpoint: one that fails again and again is spared, by all workers.

Closed: deliveries go out. After so many failures in a row it opens: nothing goes out for a while.
Then one probe is let through, half open; if it arrives the circuit closes, if not it stays open
for twice as long as before.
"""

from enum import StrEnum

from store.engine import Database, Role
from store.retry import retrying

OPENS_AFTER = 5
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 120.0
PROBE_SECONDS = 60.0  # of one that dies with the probe

STATE = """
select open_until is not null, open_until > now() from fleetlog.endpoint_circuits
where endpoint = %b
"""
PROBE = """
update fleetlog.endpoint_circuits
set open_until = clock_timestamp() + make_interval(secs => %b::float8)
where endpoint = %b and open_until <= now()
"""
FAILED = """
insert into fleetlog.endpoint_circuits as known (endpoint, failures, open_until)
select %b, %b::integer, fleetlog.circuit_pause(%b::integer, %b::integer, %b::float8, %b::float8)
on conflict (endpoint) do update
set failures = known.failures + excluded.failures, changed_at = clock_timestamp(),
    open_until = fleetlog.circuit_pause(
        known.failures + excluded.failures, %b::integer, %b::float8, %b::float8)
returning open_until is not null
"""
CLOSE = "delete from fleetlog.endpoint_circuits where endpoint = %b"


class Circuit(StrEnum):
    """What may go out to an endpoint."""

    CLOSED = "closed"
    HALF_OPEN = "half-open"
    OPEN = "open"


class Circuits:
    """The table of those that are in trouble."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def state(self, endpoint: str) -> Circuit:
        """Return how an endpoint stands; half open when it is time for a probe."""
        with self._database.connect(Role.READER) as connection:
            row = connection.execute(STATE, (endpoint,), binary=True).fetchone()
        opened, still = row or (False, False)
        if not opened:
            return Circuit.CLOSED
        return Circuit.OPEN if still else Circuit.HALF_OPEN

    def may_probe(self, endpoint: str) -> bool:
        """Claim the probe; of all who ask, one may."""
        with self._database.connect(Role.PROJECTOR) as connection:
            return connection.execute(PROBE, (PROBE_SECONDS, endpoint)).rowcount == 1

    def failed(self, endpoint: str, failures: int) -> bool:
        """Count failures in a row; returns whether the circuit is open now."""
        limits = (OPENS_AFTER, FIRST_PAUSE, LONGEST_PAUSE)
        parameters = (endpoint, failures, failures, *limits, *limits)

        def once() -> bool:
            with self._database.connect(Role.PROJECTOR) as connection:
                row = connection.execute(FAILED, parameters, binary=True).fetchone()
                return bool(row and row[0])

        return retrying(once)

    def close(self, endpoint: str) -> None:
        """Something arrived: forget all failures."""

        def once() -> None:
            with self._database.connect(Role.PROJECTOR) as connection:
                connection.execute(CLOSE, (endpoint,))

        retrying(once)
