"""Imports that mix histories, take one id for two facts, or lose a race."""

from tests.mutants.mutant import Edit, Mutant

IMPORTING = "store/importing.py"
FUNCTION = "store/migrations/sql/0003_import.sql"

IMPORTS = "tests/integration/test_importing.py::"
DRAWN = "select last_value from fleetlog.events_global_sequence_seq"
CALLS = "tests/integration/test_import_function.py::"
TAIL = "tests/integration/test_cli_tail.py::"

IMPORT_MUTANTS = (
    Mutant(
        "import-mixes-histories",
        "Events of a file come to stand behind those of others without a word.",
        (Edit(IMPORTING, "if place != head.version and not self._append:", "if False:"),),
        (
            f"{IMPORTS}test_an_aggregate_with_events_of_others_is_refused_unless_told",
            f"{IMPORTS}test_an_event_of_others_that_comes_in_between_is_noticed",
        ),
        r"assert \[\] == \[",
    ),
    Mutant(
        "import-trusts-ids",
        "An id that was taken for another fact is taken for a repeat.",
        (Edit(IMPORTING, "if not one.is_stored_as(stored):", "if False:"),),
        (f"{IMPORTS}test_an_id_with_other_content_is_refused_by_its_line",),
        r"assert \[\] == \[",
    ),
    Mutant(
        "import-without-a-second-look",
        "Whoever loses a race to another import gives up instead of finding its events.",
        (
            Edit(
                IMPORTING,
                "if error.sqlstate in RACES or error.diag.constraint_name in RACED_KEYS:",
                "if False:",
            ),
        ),
        (f"{IMPORTS}test_two_imports_of_one_log_at_once_bring_every_event_once",),
        "OperationalError|UniqueViolation",
    ),
    Mutant(
        "import-on-a-stale-version",
        "The function that inserts believes where a stream stands.",
        (Edit(FUNCTION, " or (s.expected <> -1 and s.expected <> s.actual)", ""),),
        (f"{CALLS}test_a_stream_that_is_not_as_expected_keeps_the_others_out_too",),
        "DID NOT RAISE",
    ),
    Mutant(
        "tail-beyond-the-safe-position",
        "A follower prints what is there and never comes back for what was on its way.",
        (
            Edit(
                "store/following.py",
                "return read_safe_position(connection)",
                f"return int(connection.execute({DRAWN!r}).fetchone()[0])",
            ),
        ),
        (f"{TAIL}test_what_is_not_final_yet_is_not_told",),
        "note=1",
    ),
)
