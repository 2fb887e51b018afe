"""Readers of their own write who go on too early, never, or twice."""

from tests.mutants.mutant import Edit, Mutant

WAITING = "store/waiting.py"
PROJECTED = "workers/projected.py"

ONE = "tests/integration/test_waiting.py::"
OWN = "tests/integration/test_own_write.py::"
CHAINS = "tests/integration/test_workers_projected.py::"
SURVIVES = "test_a_chain_survives_the_worker_that_waited_and_the_broker_that_held_it"

WAITING_MUTANTS = (
    Mutant(
        "own-write-not-waited-for",
        "The command is done, and its caller reads the row of before.",
        (
            Edit(
                "workers/submitting.py",
                "        awaiting.until_projected(result, names, timeout)",
                "        result.get(timeout=timeout)",
            ),
        ),
        (f"{OWN}test_who_submits_reads_their_own_write",),
        "DID NOT RAISE",
    ),
    Mutant(
        "any-position-will-do",
        "Whoever waits is told that a projection shows what it has not read.",
        (
            Edit(
                WAITING,
                "if standing.reached >= write.position:",
                "if standing.reached >= 0:",
            ),
        ),
        (
            f"{ONE}test_who_waits_goes_on_when_the_event_is_folded_and_not_before",
            f"{OWN}test_time_is_never_without_end",
        ),
        "DID NOT RAISE",
    ),
    Mutant(
        "halted-projection-waited-for",
        "It will not go on by itself, and everybody waits until their time is over.",
        (Edit(WAITING, 'if standing.status == "halted":', 'if standing.status == "lame":'),),
        (f"{ONE}test_a_halted_projection_is_told_at_once",),
        "NotProjectedInTimeError",
    ),
    Mutant(
        "parked-stream-taken-for-shown",
        "The checkpoint has passed the event, and the row does not show it.",
        (Edit(WAITING, "if standing.has_parked:", "if standing.has_parked is None:"),),
        (f"{ONE}test_a_parked_stream_is_told_at_once_and_the_others_are_not_held_up",),
        "DID NOT RAISE",
    ),
    Mutant(
        "all-partitions-waited-for",
        "A slow partition holds up those who wrote to another.",
        (Edit(WAITING, "partition_of(%b, c.partitions)", "partition_of(%b, 1) + c.partition"),),
        (f"{ONE}test_only_the_reader_of_the_partition_is_asked",),
        "NotProjectedInTimeError",
    ),
    Mutant(
        "next-generation-waited-for",
        "During a rebuild everybody waits for rows that nobody reads yet.",
        (Edit(WAITING, "c.standing = 'live'", "c.standing <> 'previous'"),),
        (f"{ONE}test_a_generation_that_is_being_built_counts_for_nothing",),
        "NotProjectedInTimeError",
    ),
    Mutant(
        "chain-goes-on-at-once",
        "The step looks, and goes on whatever it saw.",
        (
            Edit(
                PROJECTED,
                "    if not late:\n        return result\n",
                "    if True:\n        return result\n",
            ),
        ),
        (f"{CHAINS}test_a_chain_goes_on_when_the_read_model_shows_it_and_not_before",),
        "not within",
    ),
    Mutant(
        "waiting-keeps-the-worker",
        "As many chains wait as a worker has processes, and it does nothing else.",
        (Edit(PROJECTED, "FIRST_LOOKS = (0.0, 0.005, 0.01, 0.02)", "FIRST_LOOKS = (0.0, 5.0)"),),
        (f"{CHAINS}test_many_that_wait_keep_no_worker",),
        "TimeoutError",
    ),
    Mutant(
        "deadline-begins-anew",
        "Every message of the step has all the time again, so that it waits without end.",
        (
            Edit(
                PROJECTED,
                "deadline = slowest.now + timeout if deadline is None else deadline",
                "deadline = slowest.now + timeout",
            ),
        ),
        (f"{CHAINS}test_when_time_is_over_the_chain_ends_and_its_error_link_is_told",),
        "not within",
    ),
    Mutant(
        "waiting-chain-let-go",
        "The command's row forgets the chain while its next step waits in the broker alone.",
        (
            Edit(
                "workers/command_tasks.py",
                'state.status != "parked" and not held',
                'state.status != "parked" or held',
            ),
        ),
        (f"{CHAINS}{SURVIVES}",),
        "not within|held.continuation",
    ),
    Mutant(
        "waiting-chain-sent-again",
        "The relay sees a chain that waits, and sends it again and again.",
        (
            Edit(
                "store/migrations/sql/0003_waiting.sql",
                "set published_at = clock_timestamp()",
                "set published_at = published_at",
            ),
        ),
        (f"{CHAINS}{SURVIVES}",),
        "sum\\(",
    ),
    Mutant(
        "second-message-goes-on-too",
        "A step that was delivered twice sends twice what comes after it.",
        (
            Edit(
                PROJECTED,
                "if held is not None and not fleet.inbox.keep_continuation(command_id_of(held)):",
                "if held is None and not fleet.inbox.keep_continuation(command_id_of(str(held))):",
            ),
        ),
        (f"{CHAINS}test_a_second_message_of_the_same_step_ends_quietly",),
        "DID NOT RAISE",
    ),
)
