"""Reading one's own write: `submit(..., wait_for=...)` returns when the read model shows it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import sqlalchemy as sa

from domain.users import ChangeUserEmail, CreateUser, UserAlreadyExistsError
from store.waiting import NotProjectedInTimeError
from tests.fleets import TestFleet
from tests.integration.directory import DIRECTORY, is_done, row
from tests.integration.still import standing_still
from tests.polling import eventually
from workers.awaiting import NotReadError
from workers.errors import NotDoneInTimeError, UnsupportedOptionError
from workers.fleet import fleet
from workers.projecting import UnknownProjectionError
from workers.settings import sqlalchemy_url
from workers.submitting import submit

SECONDS = 20.0


def user(name: str, email: str = "kim@example.org") -> CreateUser:
    return CreateUser(user_id=name, username="kim", email=email)


def test_who_submits_reads_their_own_write(worked: TestFleet, toy: str) -> None:
    with ThreadPoolExecutor() as threads:
        with standing_still(DIRECTORY):
            waiter = threads.submit(submit, user(toy), wait_for=DIRECTORY, timeout=SECONDS)
            eventually(lambda: is_done(toy), SECONDS)
            with pytest.raises(TimeoutError):
                waiter.result(0.2)
            before = row(toy)
        result = waiter.result(SECONDS)
        after = row(toy)

    assert before is None
    assert after
    assert result.get(timeout=SECONDS)["version"] == 1


def test_time_is_never_without_end(worked: TestFleet, toy: str) -> None:
    with standing_still(DIRECTORY), pytest.raises(NotProjectedInTimeError) as late:
        submit(user(toy), wait_for=[DIRECTORY], timeout=1.5)

    assert late.value.projection == DIRECTORY
    assert late.value.reached < late.value.position
    assert "within 1.5 s" in str(late.value)
    assert is_done(toy)


def test_without_a_worker_the_command_is_kept_and_told_about(idle: TestFleet, toy: str) -> None:
    id = uuid4()
    with pytest.raises(NotDoneInTimeError, match=f"no outcome after 0.1 s; command {id}"):
        submit(user(toy), command_id=id, wait_for=DIRECTORY, timeout=0.1)

    assert fleet.inbox.head(toy) == (id, 0)


def test_a_refusal_is_raised_as_ever(worked: TestFleet, toy: str) -> None:
    submit(user(toy), wait_for=DIRECTORY, timeout=SECONDS)
    with pytest.raises(UserAlreadyExistsError):
        submit(user(toy), wait_for=DIRECTORY, timeout=SECONDS)


def test_a_command_that_appends_nothing_waits_for_nobody(worked: TestFleet, toy: str) -> None:
    submit(user(toy)).get(timeout=SECONDS)
    same = ChangeUserEmail(user_id=toy, new_email="kim@example.org")
    with standing_still(DIRECTORY):
        result = submit(same, wait_for=DIRECTORY, timeout=SECONDS)

    assert result.get(timeout=SECONDS)["events"] == 0


@pytest.fixture
def transaction(idle: TestFleet) -> Iterator[sa.Connection]:
    engine = sa.create_engine(sqlalchemy_url(idle.database.admin_url))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def refused(name: str, kind: type[Exception], words: str, **options: object) -> bool:
    """Whether it is refused in these words, and nothing is accepted."""
    with pytest.raises(kind, match=words):
        submit(user(name), **options)  # type: ignore[arg-type]  # options of any kind
    return fleet.inbox.head(name) is None


def test_an_unknown_projection_is_refused_before_anything_is_accepted(
    idle: TestFleet, toy: str
) -> None:
    assert refused(toy, UnknownProjectionError, "'phone_book'", wait_for=[DIRECTORY, "phone_book"])


def test_a_projection_that_would_never_show_it_is_refused(idle: TestFleet, toy: str) -> None:
    words = "'order_board' does not read User events"

    assert refused(toy, NotReadError, words, wait_for="order_board")


def test_within_a_transaction_of_ones_own_there_is_nothing_to_wait_for(
    transaction: sa.Connection, toy: str
) -> None:
    words = "nobody else sees it before your transaction commits"

    assert refused(toy, UnsupportedOptionError, words, wait_for=DIRECTORY, within=transaction)


def test_a_task_is_told_to_use_a_chain_instead(
    idle: TestFleet, toy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("celery._state._task_join_will_block", True)

    assert refused(toy, UnsupportedOptionError, "put after_projected", wait_for=DIRECTORY)


def test_a_time_that_is_none_is_refused(idle: TestFleet, toy: str) -> None:
    assert refused(toy, ValueError, "timeout is -1", wait_for=DIRECTORY, timeout=-1)
