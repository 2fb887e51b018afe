"""What the command line of subscriptions refuses, and what the database refuses behind it."""

import psycopg
import pytest

from store.engine import Role
from tests.fleets import TestFleet
from tests.integration.screens import told
from workers.fleet import fleet

FAR = "https://shop.example/hook"


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("name", ("add", "Shop!", "--to", FAR)),
        ("endpoint", ("add", "shop", "--to", "http://shop.example/")),
        ("endpoint", ("add", "shop", "--to", "ftp://shop.example/")),
        ("endpoint", ("add", "shop", "--to", "https://")),
        ("endpoint", ("add", "shop", "--to", "https://me@shop.example/")),
        ("endpoint", ("add", "shop", "--to", "https://me:hunter2@shop.example/")),
        ("endpoint", ("add", "shop", "--to", "https://shop.example:99999/")),
        ("endpoint", ("add", "shop", "--to", f"https://shop.example/{'x' * 2000}")),
        ("from", ("add", "shop", "--to", FAR, "--from", "77")),
        ("event type", ("add", "shop", "--to", FAR, "--event-type", "")),
        ("options.attempts", ("add", "shop", "--to", FAR, "--attempts", "0")),
        ("options.parallel", ("add", "shop", "--to", FAR, "--parallel", "99")),
        ("options.timeout", ("add", "shop", "--to", FAR, "--option", "timeout=60")),
        ("options.timeout", ("add", "shop", "--to", FAR, "--option", "timeout=soon")),
        ("options.colour", ("add", "shop", "--to", FAR, "--option", "colour=red")),
        ("option", ("add", "shop", "--to", FAR, "--option", "nothing")),
    ],
)
def test_what_cannot_be_right_is_named_and_nothing_is_stored(
    town: TestFleet, field: str, arguments: tuple[str, ...]
) -> None:
    refused = told("subscription", *arguments)

    assert refused.status == 1
    assert refused.err.startswith(f"Error: {field} ")
    assert "hunter2" not in refused.err
    assert fleet.subscriptions.all() == []


@pytest.mark.parametrize("secret", ["", "hunter2-hunter2-hunter2-hunter2", "whsec_aHVudGVyMg=="])
def test_a_secret_that_cannot_sign_is_refused_and_not_repeated(
    town: TestFleet, secret: str
) -> None:
    refused = told(
        *("subscription", "add", "shop", "--to", FAR, "--secret-file", "-"), input=secret
    )

    assert refused.status == 1
    assert refused.err.startswith("Error: secret ")
    assert "hunter2" not in refused.err
    assert "aHVudGVyMg" not in refused.err
    assert fleet.subscriptions.all() == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("subscription", "show", "nobody"),
        ("subscription", "pause", "nobody"),
        ("subscription", "remove", "nobody"),
        ("subscription", "rotate-secret", "nobody"),
        ("subscription", "test", "nobody"),
        ("deliveries", "--subscription", "nobody"),
        ("retry", "--subscription", "nobody"),
        ("skip", "nobody", "1", "--reason", "gone"),
    ],
)
def test_one_that_does_not_exist_is_told(town: TestFleet, arguments: tuple[str, ...]) -> None:
    refused = told(*arguments)

    assert refused.status == 1
    assert refused.err == (
        "Error: no subscription is called 'nobody'; see: fleetlog subscription list\n"
    )


@pytest.mark.parametrize("role", ["fleetlog_reader", "fleetlog_writer", "fleetlog_app"])
def test_nobody_but_a_deliverer_reads_secrets(town: TestFleet, role: str) -> None:
    with psycopg.connect(town.database.admin_url, autocommit=True) as connection:
        connection.execute(f"set session authorization {role}".encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from fleetlog.subscription_secrets")


@pytest.mark.parametrize(
    "statement",
    [
        "update fleetlog.subscriptions set endpoint = 'https://evil.example/'",
        "insert into fleetlog.outbox values ('shop', 1, gen_random_uuid(), 'a')",
        "update fleetlog.deliveries set status = 'delivered'",
        "delete from fleetlog.deliveries",
        "update fleetlog.delivery_cursors set taken_to = 9",
        "delete from fleetlog.endpoint_circuits",
        "insert into fleetlog.subscription_secrets (subscription, secret) values ('shop', 'x')",
    ],
)
@pytest.mark.parametrize("role", [Role.READER, Role.WRITER])
def test_neither_readers_nor_writers_change_what_is_delivered(
    town: TestFleet, role: Role, statement: str
) -> None:
    with (
        fleet.database.connect(role) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())
