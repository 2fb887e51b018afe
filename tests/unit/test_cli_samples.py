"""The demo's sample load, worked off in memory."""

from typing import Any

from domain.aggregate import Aggregate, aggregate_for
from domain.errors import DomainError
from store.command_codec import aggregate_id_of
from workers.console.samples import REFUSED, sample_load


def test_the_sample_load_is_done_but_for_what_it_breaks_on_purpose() -> None:
    aggregates: dict[str, Aggregate[Any, Any]] = {}
    refused = 0
    for submission in sample_load(60):
        command, id = submission.command, aggregate_id_of(submission.command)
        cls = aggregate_for(command.command_type)
        assert cls is not None
        try:
            aggregates.setdefault(id, cls(id)).execute(command)
        except DomainError:
            refused += 1

    assert refused == REFUSED
    assert all(aggregate.pending for aggregate in aggregates.values())
    assert len({type(event) for one in aggregates.values() for event in one.pending}) == 8


def test_every_run_has_commands_and_aggregates_of_its_own() -> None:
    first, second = list(sample_load(10)), list(sample_load(10, "-2"))
    ids = {submission.command_id for submission in first + second}

    assert len(ids) == len(first) + len(second)
    assert {aggregate_id_of(s.command) for s in first}.isdisjoint(
        aggregate_id_of(s.command) for s in second
    )
    assert [s.command_id for s in sample_load(10)] == [s.command_id for s in first]
