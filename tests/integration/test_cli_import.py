"""`fleetlog import`: history from a file, however it comes, however often, whatever happens."""

import gzip
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.orm import Session

from store.engine import Role
from store.projection import projections
from store.read_model_tables import prepare
from store.read_models.user_directory import UserRow
from tests.fleets import TestFleet, connected
from tests.history_lines import Envelope, as_bytes, cloud_event, history, written
from tests.integration.screens import interrupted, running, told
from tests.polling import eventually
from workers.fleet import fleet

NOBODY = "unix:///nobody/listens/here.sock"


@pytest.fixture
def kind() -> str:
    """A type of aggregate that no other test has."""
    return f"desk{uuid4().hex[:8]}"


def log(kind: str, events: int, streams: int = 3) -> list[Envelope]:
    source = f"urn:log:{kind}"
    return [{**one, "source": source} for one in history(events, streams, prefix=kind)]


def exported(kind: str) -> list[str]:
    """Return the ids of what the store has of a kind, in its order."""
    with fleet.database.connect(Role.READER) as connection:
        rows = connection.execute(
            "select event_id from fleetlog.events where aggregate_type = %s "
            "order by global_sequence",
            (kind,),
        )
        return [str(id) for (id,) in rows]


def ids(lines: list[Envelope]) -> list[str]:
    return [line["id"] for line in lines]


@pytest.mark.usefixtures("worked")
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_file_comes_in_and_again_is_there_already(tmp_path: Path, kind: str, name: str) -> None:
    lines = log(kind, 1200)
    file = written(tmp_path / name, lines)
    first, again = told("import", file), told("import", file, "--json")

    assert first.status == 0, first.err
    assert first.out.startswith("1,200 events   1,200 new   0 there already   ")
    assert again.status == 0
    assert again.json | {"seconds": 0, "per_second": 0} == {
        "events": 1200,
        "new": 0,
        "repeats": 1200,
        "bad_lines": 0,
        "stopped_at": None,
        "error": None,
        "seconds": 0,
        "per_second": 0,
    }
    assert exported(kind) == ids(lines)


@pytest.mark.usefixtures("worked")
def test_a_file_may_come_on_standard_input(kind: str) -> None:
    lines = log(kind, 5)
    done = told("import", "-", "--json", input=gzip.compress(as_bytes(lines)))

    assert done.json["new"] == 5
    assert exported(kind) == ids(lines)


@pytest.mark.usefixtures("worked")
def test_a_bad_line_stops_the_file_and_says_what_is_kept(tmp_path: Path, kind: str) -> None:
    one, two, bad, four = log(kind, 4)
    file = written(tmp_path / "a", [one, two, {**bad, "time": "yesterday"}, four])
    stopped, as_json = told("import", file), told("import", file, "--json")

    assert (stopped.status, as_json.status) == (1, 1)
    assert stopped.err == (
        "Error: line 3: time: must be like 2026-02-28T09:30:00Z. What stands before it is kept: "
        "2 events taken in, 0 events there already; mend the line and run this again, "
        "or pass over such lines with --on-error skip\n"
    )
    assert as_json.json["stopped_at"] == 3
    assert (as_json.json["new"], as_json.json["repeats"], as_json.json["bad_lines"]) == (0, 2, 1)
    assert exported(kind) == ids([one, two])


@pytest.mark.usefixtures("worked")
def test_bad_lines_are_passed_over_on_demand_each_with_its_number(
    tmp_path: Path, kind: str
) -> None:
    one, two, three = log(kind, 3)
    changed = {**one, "type": "Other"}
    lines: list[Envelope | str] = [one, "nonsense", {**two, "data": 7}, changed, three]
    done = told("import", written(tmp_path / "a", lines), "--on-error", "skip")

    assert done.status == 1
    assert "2 events   2 new   0 there already   3 bad lines" in done.out
    assert "passed over line 2: JSON is malformed" in done.err
    assert "passed over line 3: data: must be an object" in done.err
    assert f"passed over line 4: id: the event {one['id']} stands in line 1 already" in done.err
    assert exported(kind) == ids([one, three])


@pytest.mark.usefixtures("worked")
def test_an_aggregate_with_other_events_is_left_alone_unless_told(
    tmp_path: Path, kind: str
) -> None:
    first, second = log(kind, 3, streams=1), log(kind, 2, streams=1)
    told("import", written(tmp_path / "a", first))
    file = written(tmp_path / "b", second)
    refused, appended = told("import", file), told("import", file, "--append")

    assert refused.status == 1
    assert f"line 1: subject: '{kind} 0' has 3 events already, none of this file" in refused.err
    assert appended.status == 0
    assert exported(kind) == ids([*first, *second])


@pytest.mark.usefixtures("worked")
def test_the_aggregate_type_may_be_given(tmp_path: Path, kind: str) -> None:
    lines = log("desk", 2)
    lines = [{**line, "subject": f"{kind} {line['subject']}"} for line in lines]
    done = told("import", written(tmp_path / "a", lines), "--aggregate-type", kind)

    assert done.status == 0
    assert exported(kind) == ids(lines)


@pytest.mark.usefixtures("worked")
def test_history_of_ours_must_be_readable_and_reaches_the_read_model_at_once(
    tmp_path: Path, kind: str
) -> None:
    prepare(fleet.database, projections())
    created = {"user_id": kind, "email": "ada@example.org"}
    ours = {"source": "urn:fleetlog:User", "type": "UserCreated"}
    line = cloud_event(kind, **ours, data=created)
    bad = cloud_event(kind, **ours, data={})
    refused = told("import", written(tmp_path / "a", [bad]))
    done = told("import", written(tmp_path / "b", [line]))

    def row() -> UserRow | None:
        with Session(fleet.database.engine(Role.READER)) as session:
            return session.scalar(select(UserRow).where(UserRow.user_id == kind))

    assert "line 1: data: does not fit UserCreated, version 1: KeyError: 'email'" in refused.err
    assert done.status == 0
    found = eventually(row)
    assert found is not None
    assert found.username == "ada"


def test_without_a_broker_it_comes_in_all_the_same(
    tmp_path: Path, worked: TestFleet, kind: str
) -> None:
    line = cloud_event(
        kind, source="urn:fleetlog:User", type="UserDeactivated", data={"reason": "left"}
    )
    with connected({**worked.environment, "REDIS_URL": NOBODY}):
        with pytest.raises(RedisError):
            fleet.redis.ping()
        done = told("import", written(tmp_path / "a", [line]))
        stream = fleet.store.load_events(kind)

    assert done.status == 0, done.err
    assert [event.payload for event in stream] == [{"reason": "left"}]


@contextmanager
def dripping(path: Path, data: bytes) -> Iterator[None]:
    """Make a pipe that gives this much, and then neither more nor an end within the block."""
    os.mkfifo(path)
    held = os.open(path, os.O_RDWR)
    pouring = Thread(target=lambda: os.write(held, data))
    pouring.start()
    try:
        yield
    finally:
        drain = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        while pouring.is_alive():  # whoever read it went away before it was empty
            with suppress(BlockingIOError):
                os.read(drain, 1 << 16)
        os.close(drain)
        os.close(held)


def test_ctrl_c_says_how_far_it_came_and_again_goes_on(
    tmp_path: Path, worked: TestFleet, kind: str
) -> None:
    lines = log(kind, 1500)
    pipe = tmp_path / "pipe"
    with (
        dripping(pipe, as_bytes(lines)),
        running("import", str(pipe), environment=worked.environment) as process,
    ):
        eventually(lambda: len(exported(kind)) == 1000, 30)
        stopped = interrupted(process)
    again = told("import", written(tmp_path / "a", lines), "--json")

    assert stopped.status == 130
    assert stopped.err.endswith(
        "interrupted: 1,000 events taken in, 0 events there already, up to line 1,000; "
        "run this again to go on\n"
    )
    assert (again.json["new"], again.json["repeats"]) == (500, 1000)
    assert exported(kind) == ids(lines)


def test_killed_on_the_way_it_goes_on_and_every_event_is_there_once(
    tmp_path: Path, worked: TestFleet, kind: str
) -> None:
    lines = log(kind, 12_000, streams=100)
    file = written(tmp_path / "a.jsonl.gz", lines)
    ends = []
    for seen in (1, 4000):
        with running("import", file, environment=worked.environment) as process:
            eventually(lambda: len(exported(kind)) >= seen, 30)  # noqa: B023 - within its turn
            process.kill()
            ends.append(process.wait())
    killed = len(exported(kind))
    again = told("import", file, "--json")

    assert killed >= 4000
    assert ends[0] == -signal.SIGKILL
    assert (again.json["new"], again.json["repeats"]) == (12_000 - killed, killed)
    assert exported(kind) == ids(lines)
