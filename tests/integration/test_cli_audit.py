"""`fleetlog audit`: what happened, in words, and why; and what is not in the log."""

import psycopg
import pytest

from domain.users import UserCreated, UserDeactivated, UserEmailChanged
from store.codec import Metadata, RawEvent
from store.projection import projections
from store.read_model_tables import prepare
from tests.fleets import TestFleet
from tests.integration.screens import Told, told
from workers.fleet import fleet
from workers.projecting import advance

HALT = (
    "update fleetlog.projection_checkpoints set status = 'halted', error = 'a reason' "
    "where projection_name = 'audit_log'"
)


@pytest.fixture
def audited(idle: TestFleet) -> TestFleet:
    """A user's life and a ticket's, all of it in the log."""
    prepare(fleet.database, projections())
    by_ada = Metadata(actor="ada", correlation_id="talk")
    append("bob", UserCreated(user_id="bob", username="lovelace", email="l@example.org"))
    append("bob", UserEmailChanged(new_email="m@example.org"), metadata=by_ada)
    append("bob", UserDeactivated(reason="moved away"), metadata=by_ada)
    imported = Metadata(actor="\x1b[31meve", occurred_at="2012-03-04T05:06:07Z")
    for severity in ("low", "high"):
        opened = RawEvent(event_type="Opened", data={"severity": severity, "product": 3})
        append("case 1", opened, metadata=imported)
    advance("audit_log")
    return idle


def append(
    id: str, event: UserCreated | UserEmailChanged | UserDeactivated | RawEvent, **said: Metadata
) -> None:
    kind = "Ticket" if isinstance(event, RawEvent) else "User"
    version = len(fleet.store.load_events(id))
    fleet.store.append_events(id, version, [event], aggregate_type=kind, **said)  # type: ignore[arg-type]


def what(answer: Told) -> list[int]:
    """Return the positions shown by `--json`."""
    return [entry["position"] for entry in answer.json["entries"]]


@pytest.mark.usefixtures("audited")
def test_entries_are_told_in_words_with_what_changed_and_why() -> None:
    shown = told("audit")

    header, created, changed, left, opened, reopened = shown.out.splitlines()
    assert header.split() == ["position", "time", "(UTC)", "actor", "what"]
    assert "User bob was created" in created
    assert created.endswith("email: ***; user_id: bob; username: ***")
    assert changed.endswith("User bob has a new e-mail address  email: *** → ***")
    assert left.endswith("User bob was deactivated  reason: moved away; because moved away")
    assert "2012-03-04 05:06:07.000" in opened
    assert reopened.endswith("Ticket case 1 was opened  severity: low → high")
    assert (shown.status, shown.err) == (0, "")


@pytest.mark.usefixtures("audited")
def test_what_people_claimed_plays_no_tricks_on_a_terminal() -> None:
    shown = told("audit", "--aggregate", "case 1")

    assert "\x1b" not in shown.out
    assert r"\x1b[31meve" in shown.out


FILTERS: list[tuple[list[str], list[int]]] = [
    (["--actor", "ada"], [2, 3]),
    (["--aggregate", "case 1"], [4, 5]),
    (["--aggregate-type", "User"], [1, 2, 3]),
    (["--type", "UserDeactivated"], [3]),
    (["--until", "2012-03-05"], [4, 5]),
    (["--since", "2012-03-05"], [1, 2, 3]),
    (["--text", "moved away"], [3]),
    (["--text", "severity", "--limit", "1"], [5]),
    (["--correlation", "talk", "--type", "UserEmailChanged"], [2]),
    (["--after", "0", "--limit", "2"], [1, 2]),
    (["--after", "2", "--limit", "2"], [3, 4]),
    (["--limit", "2"], [4, 5]),
    (["--actor", "nobody"], []),
]


@pytest.mark.usefixtures("audited")
def test_every_filter_leaves_what_it_says() -> None:
    for options, positions in FILTERS:
        assert (options, what(told("audit", *options, "--json"))) == (options, positions)


@pytest.mark.usefixtures("audited")
def test_an_entry_is_whole_for_a_program() -> None:
    (entry,) = told("audit", "--type", "UserDeactivated", "--json").json["entries"]

    assert entry["words"] == "User bob was deactivated"
    assert entry["changes"] == [{"field": "reason", "old": None, "new": "moved away"}]
    assert (entry["actor"], entry["db_user"]) == ("ada", "fleetlog_app")
    assert (entry["correlation_id"], entry["command_type"]) == ("talk", None)


@pytest.mark.usefixtures("audited")
def test_a_full_page_says_how_to_go_on() -> None:
    assert "2 entries; go on with --after 2" in told("audit", "--after", "0", "--limit", "2").err
    assert "2 entries; earlier ones with --limit" in told("audit", "--limit", "2").err
    assert told("audit", "--actor", "nobody").err == "nothing fits\n"


def test_a_log_that_is_not_complete_says_so(audited: TestFleet) -> None:
    append("bob", UserEmailChanged(new_email="n@example.org"))
    behind = told("audit")
    with psycopg.connect(audited.database.admin_url, autocommit=True) as owner:
        owner.execute(HALT)
    halted = told("audit", "--json")

    assert "the audit log is behind: 1 event not in it yet" in behind.err
    assert halted.json["warnings"] == [
        "projection audit_log is halted: a reason",
        "the audit log is behind: 1 event not in it yet",
    ]


def test_where_no_audit_log_is_kept_it_says_what_to_do(
    audited: TestFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.console.audits.projection", lambda _: None)
    refused = told("audit")

    assert refused.status == 1
    assert refused.err == (
        "Error: no audit log is kept here: name store.read_models in FLEETLOG_DOMAIN\n"
    )
