"""The checker is checked on all that reads: projections, the live reader, snapshots, the broker."""

from collections.abc import Callable
from uuid import UUID

import pytest

from tests.chaos.checker import check
from tests.chaos.checks.projections import check_projections
from tests.chaos.doctoring import doctor, promises
from tests.chaos.evidence import gather
from tests.chaos.settle import quiet
from tests.chaos.small_run import SmallRun
from tests.conftest import TestDatabase

STRANGER = (
    "insert into {0}.user_read_model select 'nobody' || %s, username, email, is_active, "
    "created_at, last_updated from {0}.user_read_model limit 1"
)


def test_an_unlucky_toy_is_parked_and_left_out_of_the_fold(
    ran: SmallRun, doctored: TestDatabase
) -> None:
    parked = ran.evidence.rows("select distinct aggregate_id from fleetlog.parked_events")

    assert parked
    assert all(id.startswith("unlucky-") for (id,) in parked)
    assert check(ran.evidence) == []

    doctor(doctored, "delete from fleetlog.parked_events")
    assert promises(check(ran.evidence)) == {"projections"}
    assert any("has not parked Rang" in finding for finding in check(ran.evidence))


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("update {}.user_read_model set email = 'x' where user_id = %s", "has another row"),
        ("delete from {}.user_read_model where user_id = %s", "lacks the row"),
        (STRANGER, "which no event tells of"),
        ("update {}.user_read_model set last_updated = now() where user_id = %s", "another row"),
    ],
)
def test_a_row_that_is_not_what_its_events_say_is_found(
    ran: SmallRun, doctored: TestDatabase, statement: str, sentence: str
) -> None:
    ((user_id,), *_) = ran.evidence.rows("select user_id from user_read_model order by 1")
    doctor(doctored, statement.format("fleetlog_read_models"), user_id)

    (finding,) = check(ran.evidence)

    assert finding.startswith("projections: user_directory")
    assert sentence in finding


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("last_global_sequence = last_global_sequence - 1", "the checkpoint of order_board is at"),
        ("last_global_sequence = last_global_sequence + 9", "the checkpoint of order_board is at"),
        ("status = 'halted', error = 'a bug'", "order_board is halted: a bug"),
    ],
)
def test_a_wrong_checkpoint_is_found(
    ran: SmallRun, doctored: TestDatabase, change: str, sentence: str
) -> None:
    last = ran.evidence.rows("select max(global_sequence) from fleetlog.events")[0][0]
    begin = "update fleetlog.projection_checkpoints set "
    name = " where projection_name = 'order_board'"
    doctor(doctored, f"{begin} last_global_sequence = %s{name}", last)
    doctor(doctored, f"{begin} {change}{name}")

    (finding,) = check(ran.evidence)

    assert sentence in finding


@pytest.mark.parametrize("name", ["order_board", "audit_log"])
def test_a_projection_without_a_checkpoint_and_one_that_nobody_can_fold_are_found(
    ran: SmallRun, doctored: TestDatabase, name: str
) -> None:
    rename = "update fleetlog.projection_checkpoints set projection_name = '{}'"
    where = f" where projection_name = '{name}' and standing = 'live'"
    doctor(doctored, rename.format("other") + where)

    found = [f for f in check(ran.evidence) if "checkpoint" in f]

    assert found == [
        f"projections: {name} has no checkpoint",
        "projections: other has a checkpoint, and nobody here knows how to fold it",
    ]

    doctor(doctored, rename.format("outbox:mail") + " where projection_name = 'other'")
    found = [f for f in check(ran.evidence) if "checkpoint" in f]

    assert found == [f"projections: {name} has no checkpoint"]


LIES = {
    "update {}.analytics_event_counts set events = events + 1": "activity (analytics_event_counts)",
    "delete from {}.analytics_active_users": "activity (analytics_active_users) lacks",
    "insert into {}.analytics_active_days values ('2020-01-01', 'nobody')": (
        "activity (analytics_active_days) has ('2020-01-01', 'nobody'), which no event"
    ),
    "delete from {}.analytics_deactivations": "deactivations (analytics_deactivations) lacks",
    "update {}.analytics_order_values set value = value + 1e-9": (
        "order_figures (analytics_order_values) says of"
    ),
    "update {}.analytics_order_times set seconds = seconds + 1e-6": (
        "order_figures (analytics_order_times) says of"
    ),
    "update {}.analytics_order_steps set paid_at = now()": (
        "order_figures (analytics_order_steps) says of"
    ),
    "update {}.address_read_model set email = 'x'": "address_book (address_read_model) says of",
    "delete from {}.order_customer_read_model": "address_book (order_customer_read_model) lacks",
    "update {}.audit_known_values set known = '[]'": "audit_log (audit_known_values) says of",
    "update {}.audit_log set reason = 'a lie' where position = 4": "audit_log says of 4",
    "update {}.audit_log set changes = '[]' where position = 5": "audit_log says of 5",
    "delete from {}.audit_log where position = 3": "audit_log lacks 3",
}


def test_figures_and_entries_that_are_not_what_the_events_say_are_found(
    ran: SmallRun, doctored: TestDatabase
) -> None:
    for lie, sentence in LIES.items():
        assert [f for f in projection_findings(ran) if f.startswith(sentence)] == []
        doctor(doctored, lie.format("fleetlog_read_models"))
        assert [f for f in projection_findings(ran) if f.startswith(sentence)] != [], lie


def projection_findings(ran: SmallRun) -> list[str]:
    evidence = ran.evidence
    return list(check_projections(evidence, gather(evidence)))


def test_an_event_that_was_parked_for_no_reason_is_found(
    ran: SmallRun, doctored: TestDatabase
) -> None:
    doctor(
        doctored,
        "insert into fleetlog.parked_events (projection_name, global_sequence, aggregate_id, error)"
        " select 'order_board', max(global_sequence), aggregate_id, 'a lie' "
        "from fleetlog.events where aggregate_type = 'Order' group by aggregate_id limit 1",
    )

    findings = check(ran.evidence)

    assert promises(findings) == {"projections"}
    assert "order_board has parked" in findings[0]
    assert "which it can fold" in findings[0]


def test_what_a_generation_from_before_has_parked_is_no_matter(
    ran: SmallRun, doctored: TestDatabase
) -> None:
    copy = (
        "insert into fleetlog.projection_checkpoints "
        "select (jsonb_populate_record(c, jsonb_build_object('projection_name', %s::text, "
        "'standing', %s::text))).* from fleetlog.projection_checkpoints c "
        "where projection_name = 'order_board'"
    )
    park = (
        "insert into fleetlog.parked_events (projection_name, global_sequence, aggregate_id, error)"
        " select %s, max(global_sequence), aggregate_id, 'an old bug' "
        "from fleetlog.events where aggregate_type = 'Order' group by aggregate_id limit 1"
    )
    doctor(doctored, copy, "order_board@1/0", "previous")
    doctor(doctored, park, "order_board@1/0")

    assert check(ran.evidence) == []

    doctor(doctored, park, "audit_log")
    (finding,) = check(ran.evidence)

    assert finding.startswith("projections: audit_log has parked position")


def lose(lines: list[str]) -> None:
    del lines[3]


def repeat(lines: list[str]) -> None:
    lines.insert(3, lines[3])


def swap(lines: list[str]) -> None:
    lines[3], lines[4] = lines[4], lines[3]


def invent(lines: list[str]) -> None:
    lines.append(f"999999 {UUID(int=9)}")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lose, "the reader never saw event"),
        (repeat, "twice in a row"),
        (swap, "the reader saw position"),
        (invent, "where it is not"),
    ],
)
def test_a_reader_that_saw_something_else_is_found(
    ran: SmallRun, change: Callable[[list[str]], None], sentence: str
) -> None:
    lines = ran.log.read_text().splitlines()
    change(lines)
    ran.log.write_text("\n".join(lines) + "\n")

    (finding,) = check(ran.evidence)

    assert finding.startswith("live reader: ")
    assert sentence in finding


def test_a_wrong_snapshot_is_found(ran: SmallRun, doctored: TestDatabase) -> None:
    doctor(
        doctored,
        """update fleetlog.snapshots set state = state || '{"rung": 99}' """
        "where aggregate_id = (select min(aggregate_id) from fleetlog.snapshots)",
    )

    findings = check(ran.evidence)

    assert promises(findings) == {"snapshots"}
    assert any("is not what its events come to" in finding for finding in findings)
    assert any("is loaded otherwise than its events say" in finding for finding in findings)


def test_a_snapshot_of_no_stream_is_found(ran: SmallRun, doctored: TestDatabase) -> None:
    doctor(doctored, "update fleetlog.snapshots set version = version + 1000")

    assert "is of no stream" in check(ran.evidence)[0]


@pytest.mark.parametrize("queue", ["commands", "projections", "commands\x06\x169"])
def test_a_message_left_over_is_found(ran: SmallRun, queue: str) -> None:
    ran.redis.lpush(queue, "{}")

    assert check(ran.evidence) == [f"broker: 1 messages lie in {queue}"]
    with pytest.raises(AssertionError, match="1 messages lie in"):
        quiet(ran.database, ran.redis, 0.2)


def test_a_message_taken_and_not_acknowledged_is_found(ran: SmallRun) -> None:
    ran.redis.hset("unacked", "tag", "{}")
    ran.redis.zadd("unacked_index", {"tag": 1.0})

    assert check(ran.evidence) == [
        "broker: 1 messages lie in unacked",
        "broker: 1 messages are listed in unacked_index",
    ]


def test_a_log_that_cannot_be_read_is_a_finding(ran: SmallRun) -> None:
    ran.log.write_text(f"{ran.log.read_text()}12")

    (finding,) = check(ran.evidence)

    assert finding.startswith("live reader: could not be checked, ValueError")


def test_a_flood_of_findings_is_counted(ran: SmallRun) -> None:
    ran.log.write_text("")

    findings = check(ran.evidence)

    assert len(findings) == 21
    assert findings[-1].startswith("live reader: and ")


def test_quiet_names_the_projection_that_is_behind(ran: SmallRun, doctored: TestDatabase) -> None:
    doctor(
        doctored,
        "update fleetlog.projection_checkpoints set last_global_sequence = 3 "
        "where projection_name = 'toy_shelf'",
    )

    with pytest.raises(AssertionError, match="toy_shelf is at position 3 of"):
        quiet(ran.database, ran.redis, 0.2)
