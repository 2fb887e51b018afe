"""Projections with two writers, rows without their checkpoint, and streams out of order."""

from tests.mutants.mutant import Edit, Mutant

CHECKPOINTS = "store/checkpoints.py"
FOLDING = "store/folding.py"
PARKED = "store/parking.py"
PROJECTOR = "store/projector.py"
RETRYING = "store/retrying_parked.py"

SWAPPING = "store/swapping.py"
PAGES = "store/pages.py"

GENERATIONS = "tests/integration/test_generations.py::"
ROLLED_BACK = f"{GENERATIONS}test_a_writer_from_before_a_swap_and_a_rollback"
PARTITIONS = "tests/integration/test_partitions.py::"
PROJECTIONS = "tests/integration/test_projections.py::"
PARKING = "tests/integration/test_parking.py::"
WORKERS = "tests/integration/test_workers_projecting.py::"
REBUILT = "tests/integration/test_rebuild_turns.py::"
REBUILT += "test_a_writer_from_before_a_rebuild_writes_nothing_even_at_the_place_it_stood"
REPLAYED = f"{PARKING}test_a_retry_replays_what_was_parked_and_the_rows_equal_the_fold"

BATCH = """\
        with connection.transaction():
            moved = checkpoints.move(connection, checkpoint, page.end, status=status)
            waiting = self._parked(connection, checkpoint, page.events)
            parked = self.apply(connection, page.events, waiting)
            park(connection, checkpoint.projection_name, parked)
"""

PROJECTION_MUTANTS = (
    Mutant(
        "checkpoint-without-compare-and-set",
        "Whoever holds the turn folds the same events twice.",
        (
            Edit(
                CHECKPOINTS,
                "where projection_name = %b and last_global_sequence = %b::bigint and epoch",
                "where projection_name = %b and %b::bigint is not null and epoch",
            ),
        ),
        (f"{PROJECTIONS}test_nothing_is_folded_twice_by_the_same_writer",),
        "DID NOT RAISE",
    ),
    Mutant(
        "epoch-not-raised",
        "A writer that slept past its lease goes on beside the one that took over.",
        (
            Edit(
                CHECKPOINTS,
                "set epoch = epoch + 1, owner = %b::text",
                "set owner = %b::text",
            ),
        ),
        (f"{PROJECTIONS}test_a_writer_that_lost_its_turn_writes_nothing",),
        "DID NOT RAISE",
    ),
    Mutant(
        "epoch-not-raised-by-a-rebuild",
        "Tables are swapped under a writer, which then folds into the new ones.",
        (
            Edit(
                CHECKPOINTS,
                "version = %b::integer, epoch = epoch + 1, owner",
                "version = %b::integer, owner",
            ),
        ),
        (f"{REBUILT}[0]", f"{REBUILT}[2]"),
        "DID NOT RAISE",
    ),
    Mutant(
        "epoch-not-raised-by-a-swap",
        "A writer from before a swap and a rollback goes on where it stood, beside the new one.",
        (
            Edit(SWAPPING, "'previous', epoch = epoch + 1, held", "'previous', held"),
            Edit(SWAPPING, "(*live, *coming)) + 1\n", "(*live, *coming))\n"),
        ),
        (f"{ROLLED_BACK}_writes_nothing_where_it_stood",),
        "DID NOT RAISE",
    ),
    Mutant(
        "swapped-in-too-early",
        "Rows that the live table has are gone until the next generation has caught up.",
        (Edit(SWAPPING, "    if min(positions) < needed:\n", "    if False:\n"),),
        (f"{GENERATIONS}test_a_generation_that_is_behind_does_not_take_its_place",),
        "DID NOT RAISE",
    ),
    Mutant(
        "parked-left-behind-by-a-swap",
        "What the next generation has set aside is forgotten when it goes live.",
        (
            Edit(
                SWAPPING,
                "        connection.execute(PARKED_ALONG, (partitions, name, name, partitions, "
                "one.projection_name))\n",
                "",
            ),
        ),
        (
            f"{GENERATIONS}test_what_several_builders_have_parked_stays_parked_under_one_reader",
            f"{PARTITIONS}test_a_rebuild_changes_their_number_and_keeps_what_is_parked[1-names0]",
        ),
        r"assert \[",
    ),
    Mutant(
        "partitions-overlap",
        "Two readers fold the same aggregates, and nobody folds the others.",
        (Edit(PAGES, '%b::integer) = %b::integer"', '%b::integer) in (0, %b::integer)"'),),
        (f"{GENERATIONS}test_the_shares_of_a_build_are_disjoint_and_leave_nobody_out",),
        "assert|Error",
    ),
    Mutant(
        "epoch-not-raised-by-a-retry",
        "Parked events are folded while the projection's writer folds as well.",
        (Edit(RETRYING, "        checkpoints.taken_over(connection, name, owner)\n", ""),),
        (f"{PARKING}test_whoever_retries_takes_the_projections_turn",),
        "DID NOT RAISE",
    ),
    Mutant(
        "checkpoint-committed-before-the-rows",
        "Who dies between the two has passed over events for ever.",
        (
            Edit(
                PROJECTOR,
                BATCH,
                BATCH.replace("        with connection.transaction():\n", "").replace(
                    "            moved = checkpoints.move(connection, checkpoint, page.end, "
                    "status=status)\n",
                    "        moved = checkpoints.move(connection, checkpoint, page.end, "
                    "status=status)\n        with connection.transaction():\n",
                ),
            ),
        ),
        (
            f"{PROJECTIONS}test_a_crash_within_a_batch_leaves_neither_rows_nor_checkpoint",
            f"{WORKERS}test_a_process_killed_within_a_batch_leaves_neither_rows_nor_checkpoint",
        ),
        r"assert \(\(?3|assert \(1, \{\}\)",
    ),
    Mutant(
        "checkpoint-committed-after-the-rows",
        "Who lost the turn has written its rows by the time it is told.",
        (
            Edit(
                PROJECTOR,
                BATCH,
                BATCH.replace(
                    "            moved = checkpoints.move(connection, checkpoint, page.end, "
                    "status=status)\n",
                    "",
                )
                + "        moved = checkpoints.move(connection, checkpoint, page.end, "
                "status=status)\n",
            ),
        ),
        (f"{PROJECTIONS}test_a_writer_that_lost_its_turn_writes_nothing",),
        r"assert \{'a': ToyEntr",
    ),
    Mutant(
        "parked-stream-skipped",
        "What comes behind a poison event is passed over instead of kept, in order, beside it.",
        (Edit(FOLDING, "            folded.parked.append(Parked(event, BEHIND))\n", ""),),
        (
            f"{REPLAYED}[1000]",
            f"{PARKING}test_poison_parks_its_stream_in_order_and_the_others_go_on",
        ),
        r"ToyEntry|waits behind|folded=",
    ),
    Mutant(
        "parked-stream-overtaken",
        "The next batch has forgotten that an earlier event of the stream still waits.",
        (
            Edit(
                PROJECTOR,
                "if not self.projection.parks or not events:",
                "if self.projection.parks or not events:",
            ),
        ),
        (
            f"{REPLAYED}[1]",
            f"{PARKING}test_poison_parks_its_stream_in_order_and_the_others_go_on",
        ),
        r"ToyEntry|waits behind|folded=",
    ),
    Mutant(
        "parked-events-out-of-order",
        "A retry folds what waits of a stream from its end.",
        (
            Edit(
                PARKED,
                "where p.projection_name = %b and p.aggregate_id = %b)\norder by global_sequence\n",
                "where p.projection_name = %b and p.aggregate_id = %b)\n"
                "order by global_sequence desc\n",
            ),
        ),
        (
            f"{REPLAYED}[1000]",
            f"{PARKING}test_a_retry_goes_as_far_as_it_can_and_what_is_left_waits_in_order",
        ),
        r"ToyEntry|folded=|\(\d, \d\)",
    ),
)
