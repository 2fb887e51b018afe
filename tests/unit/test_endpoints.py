"""Endpoints and options of channels: what cannot be right is refused by the field, unquoted."""

import pytest

from store.subscriptions import InvalidSubscriptionError
from tests.outgoing import channel_to

PASSWORD = "open-sesame"  # noqa: S105 - of nothing at all
ENDPOINTS = [
    ("stream", "", "endpoint must start with redis:// or rediss:// or unix://"),
    ("stream", "http://example.org", "endpoint must start with redis:// or rediss:// or unix://"),
    ("stream", "rediss:///0", "endpoint must name a host"),
    ("stream", f"rediss://u:{PASSWORD}@h", "endpoint must not hold the password"),
    ("stream", f"rediss://:{PASSWORD}@h", "endpoint must not hold the password"),
    ("stream", f"rediss://h/0?password={PASSWORD}", "endpoint must end before ? and #"),
    ("stream", "rediss://h/0#1", "endpoint must end before ? and #"),
    ("stream", "rediss://h:port", "endpoint must be a URL"),
    ("stream", "rediss://[h", "endpoint must be a URL"),
    ("stream", "rediss://h/0\n", "endpoint must be a URL, without blanks"),
    ("stream", "redis://10.0.0.1", "endpoint must start with rediss://, or set options"),
    ("amqp", "amqp://rabbit.example", "endpoint must start with amqps://, or set options"),
]
OPTIONS = [
    ({"maxlen": 0}, "options.maxlen must be greater than or equal to 1"),
    ({"maxlen": "many"}, "options.maxlen must be a valid integer"),
    ({"stream": ""}, "options.stream must be one line of printable text"),
    ({"stream": "a\nb"}, "options.stream must be one line of printable text"),
    ({"timeout": 0}, "options.timeout must be greater than 0"),
    ({"timeout": "inf"}, "options.timeout must be a finite number"),
    ({"ca_file": "/nowhere/ca.pem"}, "options.ca_file must be the path of a file"),
    ({"colour": "red"}, "options.colour is no option here; there are attempts, parallel, timeout,"),
]


@pytest.mark.parametrize(("kind", "endpoint", "said"), ENDPOINTS)
def test_an_endpoint_that_cannot_be_right_is_refused_unquoted(
    kind: str, endpoint: str, said: str
) -> None:
    with pytest.raises(InvalidSubscriptionError) as refusal:
        channel_to(kind, endpoint)

    assert str(refusal.value).startswith(said)
    assert PASSWORD not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_the_way_to_another_machine_must_be_closed() -> None:
    with pytest.raises(InvalidSubscriptionError, match="must start with rediss://, or set options"):
        channel_to("stream", "redis://cache.example.org")


@pytest.mark.parametrize(("options", "said"), OPTIONS)
def test_an_option_that_cannot_be_right_is_refused_by_its_name(
    options: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidSubscriptionError) as refusal:
        channel_to("stream", "rediss://example.org", **options)

    assert str(refusal.value).startswith(said)


@pytest.mark.parametrize(
    ("endpoint", "options"),
    [
        ("rediss://user@example.org:6380/2", {}),
        ("unix:///run/valkey.sock", {}),
        ("redis://localhost", {}),
        ("redis://127.9.9.9:6379", {}),
        ("redis://[::1]:6379/0", {}),
        ("redis://cache", {"allow_plaintext": True, "maxlen": "1000"}),
    ],
)
def test_what_nobody_on_the_way_can_read_is_taken_and_the_rest_where_it_is_allowed(
    endpoint: str, options: dict[str, object]
) -> None:
    channel_to("stream", endpoint, **options).close()
