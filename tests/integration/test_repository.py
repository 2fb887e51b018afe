"""Loading aggregates: all of them, as they were, and never with an event left out."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from domain.users import CreateUser, DeactivateUser, User
from store.codec import Metadata, RawEvent
from store.engine import Database, Role
from store.errors import (
    AggregateTypeError,
    ConcurrencyError,
    UndecodableEventError,
    UnknownEventError,
)
from store.event_store import EventStore
from store.repository import Repository, load_many
from tests.conftest import TestDatabase
from tests.integration.lent import lent
from tests.integration.shelves import labelled, rang
from tests.integration.statements import Counted
from tests.toys import Ring, Toy
from workers.embedded import Servers


@pytest.fixture(scope="module")
def fresh(running: Servers) -> Iterator[TestDatabase]:
    """One database for all of these tests: each has a toy of its own."""
    with lent(running) as database:
        yield database


@pytest.fixture
def repository(database: Database) -> Repository:
    return Repository(database)


def test_an_aggregate_without_events_is_new(repository: Repository, toy: str) -> None:
    found = repository.load(Toy, toy)

    assert (found.id, found.version, found.rung) == (toy, 0, 0)


def test_an_aggregate_is_saved_and_loaded(
    repository: Repository, store: EventStore, toy: str
) -> None:
    user = repository.load(User, toy)
    user.execute(CreateUser(user_id=toy, username="kim", email="kim@example.org"))
    user.execute(DeactivateUser(user_id=toy, reason="asked"))
    appended = repository.save(user, Metadata(actor="test"))
    again = repository.load(User, toy)

    assert (appended.version, user.version, user.pending) == (2, 2, [])
    assert (again.version, again.username, again.is_active) == (2, "kim", False)
    assert [event.metadata.actor for event in store.load_events(toy)] == ["test", "test"]


def test_an_aggregate_that_others_moved_on_is_not_saved(
    repository: Repository, store: EventStore, toy: str
) -> None:
    mine = repository.load(Toy, toy)
    mine.execute(Ring(toy_id=toy, note=1))
    store.append_events(toy, 0, rang(2))
    with pytest.raises(ConcurrencyError, match="is at version 1, expected no stream"):
        repository.save(mine)

    assert mine.pending == rang(1)
    assert len(store.load_events(toy)) == 1


def test_many_aggregates_are_loaded_with_one_query(
    database: Database, store: EventStore, toy: str
) -> None:
    names = [f"{toy}-{n}" for n in range(20)]
    for number, name in enumerate(names[:-1]):
        store.append_events(name, 0, rang(*range(number + 1)))
    with database.connect(Role.READER) as connection:
        counted = Counted(connection)
        found = load_many(counted.as_connection(), [(Toy, name) for name in names])

    assert len(counted.statements) == 1
    assert [found[name].version for name in names] == [*range(1, 20), 0]
    assert isinstance(found[names[2]], Toy)
    assert found[names[2]].state_types().keys() == {"rung", "notes", "label"}


def test_an_aggregate_is_loaded_as_it_was(
    repository: Repository, store: EventStore, toy: str
) -> None:
    store.append_events(toy, 0, [*rang(1), labelled("first")])
    store.append_events(toy, 2, [*rang(2), labelled("second")])
    first, *_, third, _ = store.load_events(toy)
    before, after = first.timestamp - timedelta(microseconds=1), first.timestamp
    versions = [repository.load_at(Toy, toy, version=n).version for n in range(6)]
    at_two = repository.load_at(Toy, toy, version=2)

    assert versions == [0, 1, 2, 3, 4, 4]
    assert (at_two.rung, at_two.label) == (1, "first")
    assert repository.load_at(Toy, toy, time=before).version == 0
    assert repository.load_at(Toy, toy, time=after).label == "first"
    assert repository.load_at(Toy, toy, time=third.timestamp).label == "second"
    assert repository.load_at(Toy, toy, version=3, time=after).version == 2


def test_a_stream_of_another_type_is_not_loaded(
    repository: Repository, store: EventStore, toy: str
) -> None:
    store.append_events(toy, 0, rang(1))

    with pytest.raises(AggregateTypeError, match="belongs to a Toy, not to a User"):
        repository.load(User, toy)


def test_an_event_that_no_class_knows_fails_by_name(
    repository: Repository, store: EventStore, toy: str
) -> None:
    position = store.append_events(
        toy, 0, [RawEvent(event_type="Melted", data={})], aggregate_type="Toy"
    ).positions[0]

    with pytest.raises(UnknownEventError, match=f"Toy event 'Melted' version 1 at .* {position};"):
        repository.load(Toy, toy)


def test_an_event_that_does_not_fit_its_class_fails_by_name(
    repository: Repository, store: EventStore, toy: str
) -> None:
    store.append_events(
        toy, 0, [*rang(1), RawEvent(event_type="Rang", data={"note": "la"})], aggregate_type="Toy"
    )

    with pytest.raises(UndecodableEventError, match="event 'Rang' version 1 at position"):
        repository.load(Toy, toy)


def test_an_old_event_is_read_in_todays_words(
    repository: Repository, store: EventStore, toy: str
) -> None:
    old = RawEvent(event_type="UserCreated", data={"user_id": toy, "email": "kim@example.org"})
    store.append_events(toy, 0, [old], aggregate_type="User")
    user = repository.load(User, toy)
    stored = store.load_events(toy)[0]

    assert (user.username, user.email) == ("kim", "kim@example.org")
    assert (stored.version, stored.payload) == (1, old.data)
