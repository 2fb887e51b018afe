"""A fleet that forgets: messages, snapshots' making, and writers that hang."""

from tests.mutants.mutant import Edit, Mutant

APP = "workers/app.py"
ENGINE = "store/engine.py"
REPOSITORY = "store/repository.py"
ORDER = "store/migrations/sql/0001_order.sql"
SCHEDULE = "beat_schedule.py"
SETTINGS = "workers/settings.py"
SNAPSHOTS = "store/snapshots.py"

SNAPSHOT_TESTS = "tests/integration/test_snapshots.py::"
CHANGED = "tests/integration/test_changed_apply.py::"
TIMES = "tests/acceptance/test_times.py::"
HUNG = "tests/integration/test_hung_writers.py::"
HUNG += "test_a_hung_writer_delays_readers_five_seconds_at_most_and_writers_not_at_all"

FLEET_MUTANTS = (
    Mutant(
        "acks-late-off",
        "The broker forgets a message while it is worked on; the worker dies, and nobody knows.",
        (Edit(APP, '"task_acks_late": True', '"task_acks_late": False'),),
        (f"{TIMES}test_a_killed_workers_command_resumes_soon_after_the_visibility_timeout",),
        "not within .*: a killed worker's command resumed",
    ),
    Mutant(
        "relay-off-during-flushall",
        "Accepted commands whose messages went with the broker wait for ever.",
        (Edit(SCHEDULE, '    ("commands.relay",       None,     5.0),\n', ""),),
        (f"{TIMES}test_a_minute_after_the_broker_forgot_everything_all_commands_are_done",),
        "not within .*: what the broker forgot was done",
    ),
    Mutant(
        "snapshot-fingerprint-ignored",
        "A state folded by yesterday's `apply` is continued by today's.",
        (
            Edit(
                REPOSITORY,
                "where s.aggregate_id = w.id and s.fingerprint = w.fingerprint offset 0",
                "where s.aggregate_id = w.id offset 0",
            ),
        ),
        (
            f"{CHANGED}test_a_changed_apply_folds_from_the_start_and_trusts_no_older_snapshot",
            (
                f"{SNAPSHOT_TESTS}test_a_snapshot_that_does_not_fit_todays_code_is_only_a_slower_load"
                "[other_code]"
            ),
        ),
        r"\(6, 60\)|'label': 'wrong'",
    ),
    Mutant(
        "snapshot-fingerprint-blind-to-code",
        "The fingerprint sees the shape of the state, not the code that folds it.",
        (
            Edit(
                SNAPSHOTS,
                "sources = [inspect.getsource(sys.modules[name]) for name in modules]",
                "sources = [name for name in modules]",
            ),
        ),
        (f"{CHANGED}test_a_changed_apply_folds_from_the_start_and_trusts_no_older_snapshot",),
        r"\(6, 60\)",
    ),
    Mutant(
        "hung-writer-never-ended",
        "A writer that hangs in an open transaction stops every reader.",
        (
            Edit(ENGINE, '"transaction_timeout": "5s"', '"transaction_timeout": "0"'),
            Edit(
                ENGINE,
                '"idle_in_transaction_session_timeout": "5s"',
                '"idle_in_transaction_session_timeout": "0"',
            ),
        ),
        (f"{HUNG}[silent]", f"{HUNG}[busy]", f"{HUNG}[chatty]"),
        "not within .* readers stand still",
    ),
    Mutant(
        "writers-in-a-queue",
        "An exclusive lock orders events too: every writer then waits for the slowest one.",
        (
            Edit(
                ORDER,
                "perform pg_advisory_xact_lock_shared((17750::bigint << 48) | drawn);",
                "perform pg_advisory_xact_lock(17750::bigint << 48);",
            ),
        ),
        (f"{HUNG}[silent]", f"{HUNG}[busy]"),
        "assert 20 == 1|readers stand still",
    ),
    Mutant(
        "dead-holder-keeps-its-lock",
        "A projection stands still for as long as the lease of a holder that is no more.",
        (
            Edit(
                SETTINGS,
                "lock_lease_seconds: Seconds = 10.0",
                "lock_lease_seconds: Seconds = 60.0",
            ),
        ),
        (f"{TIMES}test_a_dead_holders_projection_is_taken_over_within_fifteen_seconds",),
        "not within .*: a projection was taken over",
    ),
)
