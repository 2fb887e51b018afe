"""Every consumer over a real past and a real load, on workers that are killed at random."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from store.projection import projections
from store.read_model_tables import prepare
from tests import plain_folds
from tests.acceptance.board import folded_board, stored_board
from tests.acceptance.fleet import Fleet, write_commands
from tests.acceptance.orders import REAL, command, order_commands, real_commands
from tests.integration.postbox import PASSWORD, Postbox, postbox
from tests.integration.real_past import DATA, LOGS
from tests.integration.receivers import Receiver, receiving
from tests.plain_folds import Fact
from tests.polling import eventually
from tests.rabbit import CERTIFICATES

USERS = 40
KILLS = 4
WAITING = "deliveries where status not in ('delivered', 'skipped')"
SENDER = "Our shop <shop@example.org>"
MAILED = {"UserCreated": "Welcome, ", "UserDeactivated": "Your account has been deactivated"}


@dataclass
class Outside:
    """Who is told: a web server and a mail server."""

    hooks: Receiver
    post: Postbox


@pytest.fixture
def outside() -> Iterator[Outside]:
    with receiving() as hooks, postbox() as post:
        yield Outside(hooks, post)


@pytest.fixture
def told(fleet: Fleet, outside: Outside, tmp_path: Path) -> Fleet:
    """A fleet that tells the web server of orders, and users by mail."""
    # Other tests of this process may have declared projections that no worker here knows.
    ours = [p for p in projections() if type(p).__module__.startswith("store.read_models")]
    prepare(fleet.database, ours)
    to = outside.hooks.url
    add(fleet, "shop", "--to", to, "--allow-http", "--allow-private", "--aggregate-type", "Order")
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    options = {"sender": SENDER, "per_minute": 6000, "ca_file": CERTIFICATES / "ca.pem"}
    asked = [f"--option={name}={value}" for name, value in options.items()]
    mail = ("--kind", "mail", "--to", outside.post.endpoint, "--secret-file", str(secret))
    add(fleet, "post", *mail, "--aggregate-type", "User", *asked)
    return fleet


def add(fleet: Fleet, name: str, *arguments: str) -> None:
    added = fleet.cli("subscription", "add", name, *arguments)
    assert added.returncode == 0, added.stderr


@contextmanager
def killed_at_random(fleet: Fleet) -> Iterator[list[str]]:
    """Two workers, of which one after the other loses its power; lends who was killed."""
    dice = random.Random(11)  # noqa: S311 - no secret
    workers = {name: fleet.worker(name) for name in ("one", "two")}
    over, killed = Event(), list[str]()

    def kill() -> None:
        while not over.wait(dice.uniform(1, 3)) and len(killed) < KILLS:
            name = dice.choice(sorted(workers))
            workers[name].kill_family()
            killed.append(name)
            workers[name] = fleet.worker(f"{name}{len(killed)}")

    thread = Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def work(fleet: Fleet, tmp_path: Path) -> int:
    """Import both logs where they are, submit orders and users; returns how many commands."""
    for log in LOGS:
        if (path := DATA / f"{log}.cloudevents.jsonl.gz").exists():
            imported = fleet.cli("import", str(path), timeout=300)
            assert imported.returncode == 0, imported.stderr
    commands = [*(real_commands() if REAL.exists() else order_commands(300)), *user_commands()]
    path = write_commands(tmp_path / "commands.jsonl", commands)
    submitted = fleet.cli("submit", "--file", str(path), timeout=300)
    assert submitted.returncode == 0, submitted.stderr
    return len(commands)


def user_commands() -> list[dict[str, Any]]:
    made = []
    for number in range(USERS):
        user = f"user-{number}"
        email = f"{user}@example.org"
        made.append(as_user(command("CreateUser", user, username=user, email=email), user))
        if number % 2:
            reason = f"reason {number % 3}"
            made.append(as_user(command("DeactivateUser", user, reason=reason), user))
    return made


def as_user(made: dict[str, Any], user: str) -> dict[str, Any]:
    data = {name: value for name, value in made["data"].items() if name != "order_id"}
    return {**made, "data": {"user_id": user, **data}}


def test_all_equal_a_fold_in_plain_python_although_workers_are_killed_at_random(
    told: Fleet, outside: Outside, tmp_path: Path
) -> None:
    fleet = told
    fleet.beat()
    with killed_at_random(fleet) as killed:
        commands = work(fleet, tmp_path)
        eventually(lambda: len(killed) == KILLS, 60)
    eventually(lambda: fleet.count("commands where status = 'done'") == commands, 120)
    eventually(lambda: fleet.lag() == 0, 180)
    eventually(lambda: fleet.count("deliveries") == fleet.count("outbox"), 60)
    eventually(lambda: fleet.count(WAITING) == 0, 180)

    past = plain_folds.facts(fleet.admin_url)
    assert fleet.count("parked_events") == 0
    check_read_models(fleet, past)
    check_analytics(fleet, past)
    check_audit_log(fleet, past)
    check_hooks(outside.hooks, past)
    check_mails(outside.post, past)


def check_read_models(fleet: Fleet, past: list[Fact]) -> None:
    users = fleet.rows("select user_id, is_active, email from user_read_model")
    gone = {fact.id for fact in past if fact.type == "UserDeactivated"}

    assert stored_board(fleet) == folded_board(fleet)
    assert {(id, active) for id, active, _ in users} == {
        (fact.id, fact.id not in gone) for fact in past if fact.type == "UserCreated"
    }


def check_analytics(fleet: Fleet, past: list[Fact]) -> None:
    counts = fleet.rows(
        "select to_char(hour, 'YYYY-MM-DD HH24'), aggregate_type, event_type, events "
        "from analytics_event_counts"
    )
    active = fleet.rows("select day::text, users from analytics_active_users")
    gone = fleet.rows("select day::text, reason, deactivations from analytics_deactivations")
    values = fleet.rows("select day::text, orders, value from analytics_order_values")
    times = fleet.rows("select step, within, orders, seconds from analytics_order_times")

    assert {row[:-1]: row[-1] for row in counts} == plain_folds.event_counts(past)
    assert dict(active) == plain_folds.active_users(past)
    assert {row[:2]: row[2] for row in gone} == plain_folds.deactivations(past)
    assert {d: (n, Fraction(v)) for d, n, v in values} == plain_folds.order_values(past)
    assert {row[:2]: row[2:] for row in times} == plain_folds.order_times(past)


def check_audit_log(fleet: Fleet, past: list[Fact]) -> None:
    found = dict(map(plain_folds.as_entry, fleet.rows(plain_folds.AUDIT_ENTRIES)))

    assert found == plain_folds.audit_entries(past)


def check_hooks(hooks: Receiver, past: list[Fact]) -> None:
    """Each event of an order at least once, the first time in order; again only under its key."""
    wanted = defaultdict(list)
    for fact in past:
        if fact.kind == "Order":
            wanted[fact.id].append(fact.number)
    first: dict[str, list[int]] = defaultdict(list)
    for id, number in hooks.abouts:
        if number not in first[id]:
            first[id].append(number)
    keys = {(request.about, request.key) for request in hooks.requests}

    assert first == wanted
    assert len(keys) == sum(map(len, wanted.values()))


def check_mails(post: Postbox, past: list[Fact]) -> None:
    """Everybody was told of everything; who was told twice can see that by the mail's id."""
    mails = {
        (mail.recipients[0], str(mail.message["Message-ID"])): str(mail.message["Subject"])
        for mail in post.mails
    }
    told = Counter((to, subject.partition(",")[0]) for (to, _), subject in mails.items())
    wanted = Counter(
        (f"{fact.id}@example.org", MAILED[fact.type].partition(",")[0])
        for fact in past
        if fact.type in MAILED
    )

    assert told == wanted
