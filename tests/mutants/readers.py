"""Readers of the global order that miss events."""

from tests.mutants.mutant import Edit, Mutant

STORE = "store/event_store.py"
PROJECTOR = "store/projector.py"
ORDER = "store/migrations/sql/0001_order.sql"

ORDER_TESTS = "tests/integration/test_global_order.py::"
UNLUCKY = f"{ORDER_TESTS}test_a_reader_misses_nothing_on_the_unluckiest_schedule"
NOT_FINAL = "tests/integration/test_projections.py::test_what_is_not_final_yet_is_not_folded"
MISSED = r"not Faults\(missed=frozenset\(\{Seen"

ASK = 'SAFE_POSITION = "select fleetlog.safe_position()"'
LAST = 'SAFE_POSITION = "select coalesce(max(global_sequence), 0) from fleetlog.events"'
REFUSE_FROZEN = "if current_setting('transaction_isolation') <> 'read committed' then"
OF_OLD = "xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
LOAD = """\
            safe = read_safe_position(connection)
            rows = connection.execute(OF_ALL, (from_sequence, safe, limit), binary=True)
"""

PROJECTED = "tests/integration/test_projected_order.py::"
PROJECTED += "test_a_projection_misses_nothing_on_the_unluckiest_schedule"
PAGE = """\
        safe = read_safe_position(connection)
        safe = safe if until is None else min(safe, until)
        query, parameters = page_query(self.projection, checkpoint, safe, self._size)
        rows = connection.execute(query, parameters, binary=True)
        events = [RecordedEvent(*row) for row in rows.fetchall()]
"""
PAGE_FIRST = """\
        query, parameters = page_query(self.projection, checkpoint, 2**62, self._size)
        rows = connection.execute(query, parameters, binary=True)
        events = [RecordedEvent(*row) for row in rows.fetchall()]
        safe = read_safe_position(connection)
        events = [event for event in events if event.global_sequence <= safe]
"""

READERS = (
    Mutant(
        "naive-reader",
        "It reads whatever is visible; who drew earlier may commit later.",
        (Edit(STORE, ASK, LAST),),
        (f"{UNLUCKY}[overtaken]", f"{UNLUCKY}[late_draws]"),
        MISSED,
    ),
    Mutant(
        "naive-projection",
        "The same in a projection: an event is left out of its rows for ever.",
        (Edit(STORE, ASK, LAST),),
        (NOT_FINAL, f"{PROJECTED}[overtaken]"),
        rf"{MISSED}|assert \(2, \{{",
    ),
    Mutant(
        "position-only-xid-reader",
        "It reads what older transactions wrote and remembers a position: a younger one may "
        "have drawn a lower position.",
        (
            Edit(STORE, ASK, LAST),
            Edit(
                STORE,
                '"where global_sequence > %b::bigint and global_sequence <= %b::bigint "',
                '"where global_sequence > %b::bigint and global_sequence <= %b::bigint "\n'
                f'    "and {OF_OLD} "',
            ),
        ),
        (f"{UNLUCKY}[the_younger_draws_first]",),
        MISSED,
    ),
    Mutant(
        "safe-position-in-the-reading-statement",
        "The position is newer than the snapshot of the statement that asks for it.",
        (
            Edit(
                STORE,
                LOAD,
                LOAD.replace("            safe = read_safe_position(connection)\n", "").replace(
                    ", safe, ", ", "
                ),
            ),
            Edit(
                STORE,
                "%b::bigint and global_sequence <= %b::bigint",
                "%b::bigint and global_sequence <= (select fleetlog.safe_position())",
            ),
        ),
        (f"{UNLUCKY}[committed_while_the_reader_reads]",),
        MISSED,
    ),
    Mutant(
        "safe-position-asked-after-reading",
        "The same in a projection: it reads, asks what was safe, and moves its checkpoint there.",
        (Edit(PROJECTOR, PAGE, PAGE_FIRST),),
        (f"{PROJECTED}[committed_while_the_reader_reads]",),
        MISSED,
    ),
    Mutant(
        "repeatable-read-reader",
        "Position and events are read from one snapshot, which is older than the position.",
        (
            Edit(ORDER, REFUSE_FROZEN, "if false then"),
            Edit(
                STORE,
                LOAD,
                "            with connection.transaction():\n"
                '                connection.execute("set transaction isolation level '
                'repeatable read")\n'
                "                safe = read_safe_position(connection)\n"
                "                rows = connection.execute(\n"
                "                    OF_ALL, (from_sequence, safe, limit), binary=True\n"
                "                )\n",
            ),
        ),
        (f"{UNLUCKY}[committed_while_the_reader_reads]",),
        MISSED,
    ),
    Mutant(
        "repeatable-read-allowed",
        "Somebody else's reader is not told that its snapshot is too old to ask.",
        (Edit(ORDER, REFUSE_FROZEN, "if false then"),),
        (
            f"{ORDER_TESTS}test_a_reader_with_a_frozen_snapshot_is_refused[REPEATABLE_READ]",
            f"{ORDER_TESTS}test_a_reader_with_a_frozen_snapshot_is_refused[SERIALIZABLE]",
        ),
        "DID NOT RAISE",
    ),
    Mutant(
        "no-announcement",
        "Writers draw positions without a word, so readers take for final what is not.",
        (Edit(ORDER, "perform pg_advisory_xact_lock_shared(", "perform ("),),
        (f"{UNLUCKY}[overtaken]", f"{UNLUCKY}[late_draws]", NOT_FINAL),
        rf"{MISSED}|assert \(2, \{{",
    ),
)
