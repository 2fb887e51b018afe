"""Commands that take effect twice, out of turn, or are refused for what is no longer so."""

from tests.mutants.mutant import Edit, Mutant

APPEND = "store/migrations/sql/0001_append.sql"
COMMANDS = "store/migrations/sql/0001_commands.sql"
APPENDING = "store/appending.py"
DECIDING = "store/deciding.py"
DRAINING = "store/draining.py"

TESTS = "tests/integration/"
TROUBLE = f"{TESTS}test_handling_trouble.py::"
APPENDED = f"{TESTS}test_append_commands.py::"
ANEW = f"{APPENDED}test_a_command_decided_anew_on_the_current_version_is_answered"
ANEW += "_with_its_first_result"
DEDUPE = f"{TESTS}test_append_dedupe.py::"
DEDUPE += "test_a_command_that_two_streams_are_given_at_once_takes_effect_in_one"

# The command's row in a call of its own, and asked about before: three transactions.
RUN = """\
                row = connection.execute(self.statement, self.parameters, binary=True).fetchone()
"""
RUN_APART = """\
                *append, named, kind, payload = self.parameters
                if named is not None:
                    asked = connection.execute(OUTCOME, (named, kind, payload), binary=True)
                    if (known := (asked.fetchone() or (None,))[0]) is not None:
                        return from_outcome(connection, known)
                bare = (*append, None, None, None)
                row = connection.execute(self.statement, bare, binary=True).fetchone()
                if named is not None:
                    none = TextArray.of([])
                    nothing = (UuidArray.of([]), none, IntArray.of([]), none)
                    settling = (*append[:2], -1, *nothing, TextArray.of([b"{}"]))
                    settling = (*settling, named, kind, payload)
                    connection.execute(APPEND, settling, binary=True)
"""

COMMAND_MUTANTS = (
    Mutant(
        "no-compare-and-set-on-settling",
        "A command settled or cancelled meanwhile is settled over again.",
        (
            Edit(
                COMMANDS,
                "where c.command_id = o.id and c.status = 'accepted'",
                "where c.command_id = o.id",
            ),
        ),
        (f"{TROUBLE}test_a_command_cancelled_while_it_is_decided_takes_no_effect",),
        "'done', 'done'|1, 2",
    ),
    Mutant(
        "no-compare-and-set-on-appending",
        "A command that was done before, or set aside, takes effect all the same.",
        (
            Edit(
                APPEND,
                "where c.command_id = p_command_id and c.status = 'accepted';",
                "where c.command_id = p_command_id;",
            ),
            Edit(
                APPEND,
                "where c.status = 'accepted' and c.command_type = excluded.command_type",
                "where c.command_type = excluded.command_type",
            ),
        ),
        (
            f"{ANEW}[brought-way0]",
            f"{ANEW}[accepted-way0]",
            f"{APPENDED}test_a_command_that_was_set_aside_is_no_longer_accepted[cancelled-exact]",
        ),
        r"Appended\(version=4|DID NOT RAISE",
    ),
    Mutant(
        "dedupe-outside-the-append",
        "Whether a command was done is asked before, and noted after, the transaction that "
        "stores its events.",
        (Edit(APPENDING, RUN, RUN_APART),),
        (
            f"{DEDUPE}[brought-any]",
            f"{DEDUPE}[accepted-any]",
        ),
        "assert 8 == ",
    ),
    Mutant(
        "refusal-from-a-stale-cache",
        "A refusal appends nothing, so nobody notices that its reason is gone.",
        (
            Edit(
                DECIDING,
                "streams = list(dict.fromkeys(d.waiting.aggregate_id for d in decisions))",
                "streams = list(\n"
                "            dict.fromkeys(d.waiting.aggregate_id for d in decisions "
                "if d.error is None)\n"
                "        )",
            ),
            Edit(
                DECIDING,
                "IntArray.of([place[d.waiting.aggregate_id] for d in decisions])",
                "IntArray.of([place.get(d.waiting.aggregate_id, 0) for d in decisions])",
            ),
        ),
        (
            f"{TROUBLE}test_a_refusal_decided_on_a_stale_memory_is_never_recorded",
            (
                f"{TROUBLE}test_a_refusal_is_not_recorded_when_its_reason_goes_away"
                "_while_it_is_decided"
            ),
        ),
        "'rejected'",
    ),
    Mutant(
        "command-rows-locked-instead-of-the-inbox",
        "Whoever comes second skips the command in hand and runs a later one.",
        (
            Edit(
                COMMANDS,
                "revoke all on all functions in schema fleetlog from public;",
                "grant update on fleetlog.commands to fleetlog_writer;",
            ),
            Edit(
                DRAINING,
                "taken = lock(connection, aggregate_ids, wait=wait)",
                "taken = set(aggregate_ids)",
            ),
            Edit(
                DRAINING,
                "order by i.accepted_no limit %b::bigint) c",
                "order by i.accepted_no limit %b::bigint for update skip locked) c",
            ),
        ),
        (f"{TESTS}test_inbox_turns.py::test_a_later_command_does_not_overtake_the_one_in_hand",),
        r"assert \[2, 1\]",
    ),
)
