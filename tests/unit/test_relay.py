"""How wake-ups are bundled."""

from workers.relay import PER_RING, ranges


def test_nothing_to_wake_needs_no_message() -> None:
    assert list(ranges([])) == []


def test_numbers_are_cut_into_ranges_of_a_hundred_each() -> None:
    numbers = [5, *range(1000, 1000 - 2 * PER_RING, -1)]
    found = list(ranges(numbers))

    assert found == [(5, 899), (900, 999), (1000, 1000)]
    assert all(sum(first <= n <= last for n in numbers) <= PER_RING for first, last in found)


def test_one_number_is_a_range_of_its_own() -> None:
    assert list(ranges([7])) == [(7, 7)]
