"""`fleetlog tail`: events as they become final, in global order, nothing shown that is hidden."""

import os
from pathlib import Path
from uuid import uuid4

import pytest

from domain.users.events import UserCreated, UserPasswordChanged
from store.codec import Metadata, RawEvent
from store.engine import Role
from store.event_store import Expected
from tests.fleets import TestFleet
from tests.history_lines import cloud_event, parsed, written
from tests.integration.lent import shut
from tests.integration.screens import interrupted, running, told
from tests.polling import eventually
from tests.toys import Rang
from workers.fleet import fleet

HASH = "$argon2id$v=19"
WORDS = ("lovelace", "argon2id", "bob")
CREATED = UserCreated(user_id="u", username="lovelace", email="lovelace@example.org")


@pytest.fixture
def start(worked: TestFleet) -> int:
    """The position of the first event that a test appends."""
    return fleet.store.safe_position() + 1


@pytest.fixture
def toy() -> str:
    return f"toy-{uuid4().hex[:12]}"


def ring(toy: str, *notes: int) -> None:
    events = [Rang(note=note) for note in notes]
    fleet.store.append_events(toy, Expected.ANY, events, metadata=Metadata(actor="eve"))


def tailed(start: int, *arguments: str) -> str:
    done = told("tail", "--from", str(start), "--until-now", *arguments)
    assert done.status == 0, done.err
    return done.out


def test_an_event_is_one_line_with_place_time_type_aggregate_actor_and_fields(
    start: int, toy: str
) -> None:
    ring(toy, 1, 2)
    first, second = tailed(start).splitlines()
    words = first.split()

    assert (words[0], words[3:]) == (str(start), ["Rang", "Toy", toy, "eve", "note=1"])
    assert second.split()[0] == str(start + 1)
    assert tailed(start, "--aggregate", "nobody") == ""
    assert len(tailed(start, "--type", "Rang", "--aggregate-type", "Toy").splitlines()) == 2


def test_personal_and_secret_fields_are_hidden(start: int, toy: str) -> None:
    changed = UserPasswordChanged(password_hash=HASH)
    fleet.store.append_events(toy, 0, [CREATED, changed], aggregate_type="User")
    fleet.store.append_events(
        f"case {toy}",
        0,
        [RawEvent(event_type="Moved", data={"name": "bob"})],
        aggregate_type="desk",
        metadata=Metadata(cloud_event={"source": "urn:x:desk", "nickname": "bobby"}),
    )

    for form in ((), ("--json",)):
        hidden, shown = tailed(start, *form), tailed(start, "--personal", *form)
        assert [word for word in WORDS if word in hidden] == []
        assert [word for word in WORDS if word in shown] == ["lovelace", "bob"]


def test_a_program_gets_an_object_a_line(start: int, toy: str) -> None:
    ring(toy, 1, 2)
    first, second = parsed(tailed(start, "--json"))

    assert first["position"] == start
    assert (first["aggregate_id"], first["aggregate_type"], first["type"]) == (toy, "Toy", "Rang")
    assert (first["data"], second["data"]) == ({"note": 1}, {"note": 2})
    assert first["metadata"]["actor"] == "eve"


def test_imported_history_is_told_at_the_time_it_happened(
    start: int, toy: str, tmp_path: Path
) -> None:
    line = cloud_event(toy, time="2010-01-13T09:40:25+01:00")
    told("import", written(tmp_path / "a", [line]))

    assert "2010-01-13 08:40:25.000  TicketMoved  desk " in tailed(start)


def notes(out: Path) -> list[int]:
    return [line["data"]["note"] for line in parsed(out.read_bytes())]


def followed(toy: str, out: Path) -> list[int]:
    """Ring once more, since what was before its start is not told; returns what was told."""
    ring(toy, 0)
    return notes(out)


def test_what_comes_is_followed_until_ctrl_c(worked: TestFleet, toy: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with (
        out.open("w") as file,
        running(
            "tail", "--json", "--aggregate", toy, environment=worked.environment, stdout=file
        ) as process,
    ):
        eventually(lambda: followed(toy, out), 30)
        ring(toy, 1, 2)
        eventually(lambda: notes(out)[-2:] == [1, 2])
        stopped = interrupted(process)

    assert set(notes(out)[:-2]) == {0}
    assert (stopped.status, stopped.err) == (0, "")


def test_what_is_not_final_yet_is_not_told(start: int, toy: str) -> None:
    with fleet.database.connect(Role.WRITER) as connection, connection.transaction():
        connection.execute(
            "select fleetlog.append_events(%s, 'Toy', 0, array[gen_random_uuid()], array['Rang'], "
            "array[1], array['{\"note\": 0}'], array['{}'], null, null, null)",
            (f"{toy}-slow",),
        )
        ring(toy, 1)

        assert tailed(start) == ""
    assert [line["data"]["note"] for line in parsed(tailed(start, "--json"))] == [0, 1]


def test_a_reader_that_goes_away_ends_it_without_a_word(worked: TestFleet, toy: str) -> None:
    ring(toy, 1)
    read_end, write_end = os.pipe()
    os.close(read_end)
    with running(
        "tail", "--from", "start", environment=worked.environment, stdout=write_end
    ) as process:
        os.close(write_end)
        _, said = process.communicate(timeout=30)

    assert (process.returncode, said) == (0, "")


def test_a_database_that_goes_away_for_a_while_is_waited_for(
    idle: TestFleet, toy: str, tmp_path: Path
) -> None:
    out, err = tmp_path / "out", tmp_path / "err"
    with (
        out.open("w") as file,
        err.open("w") as words,
        running(
            *("tail", "--from", "start", "--json", "--aggregate", toy),
            environment=idle.environment,
            stdout=file,
            stderr=words,
        ) as process,
    ):
        ring(toy, 1)
        eventually(out.read_text, 30)
        with shut(idle.database):
            eventually(lambda: "going on when it is back" in err.read_text(), 20)
        ring(toy, 2)
        eventually(lambda: len(out.read_text().splitlines()) == 2, 20)
        stopped = interrupted(process)

    assert stopped.status == 0
    assert notes(out) == [1, 2]
    assert len(err.read_text().splitlines()) == 2
    assert err.read_text().endswith("the database is back\n")
