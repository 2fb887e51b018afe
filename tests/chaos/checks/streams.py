"""Every stream is numbered 1..n along the global order, and of one type."""

from collections.abc import Iterator

from tests.chaos.evidence import Evidence, Facts


def check_streams(_: Evidence, facts: Facts) -> Iterator[str]:
    for aggregate_id, stream in facts.streams.items():
        numbers = [fact.number for fact in stream]
        if numbers != list(range(1, len(stream) + 1)):
            wrong = next(n for n, number in enumerate(numbers, 1) if n != number)
            at = stream[wrong - 1]
            yield (
                f"stream {aggregate_id!r} has number {at.number} at position {at.position}, "
                f"where {wrong} belongs"
            )
        types = {fact.aggregate_type for fact in stream}
        if len(types) > 1:
            yield f"stream {aggregate_id!r} is of several types: {', '.join(sorted(types))}"
