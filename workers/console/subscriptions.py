"""The screens of `fleetlog subscription`."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TextIO, cast
from uuid import uuid4

import msgspec

from store.engine import Role
from store.recorded import RecordedEvent
from store.subscribing import Start
from store.subscriptions import (
    InvalidSubscriptionError,
    Kind,
    Secrets,
    Status,
    Subscription,
    check_subscription,
)
from workers.console.bars import Bars
from workers.console.delivery_figures import Standing, about, document, standings
from workers.console.endings import Failure, Interrupted
from workers.console.output import add, counted, say, show, show_json, table
from workers.delivering import delivering
from workers.delivering.attempts import said
from workers.delivering.channel import TEST_AGGREGATE, TEST_EVENT, Outgoing
from workers.delivering.channels import channel_for
from workers.delivering.signing import new_secret
from workers.fleet import fleet, process_name

ONLY_NOW = "This is the only time that it is shown."


class Wish(NamedTuple):
    """What was asked for."""

    name: str
    kind: str
    endpoint: str
    event_types: tuple[str, ...]
    aggregate_types: tuple[str, ...]
    start: Start


def add_subscription(
    wish: Wish,
    options: Sequence[str],
    given: Mapping[str, Any],
    secret_file: TextIO | None,
    *,
    as_json: bool,
) -> None:
    """Store a subscription whose channel has nothing against it; show a secret that we made up."""
    wanted = Subscription(
        *(wish.name, cast("Kind", wish.kind), wish.endpoint),
        options=options_from(options, given),
        event_types=frozenset(wish.event_types),
        aggregate_types=frozenset(wish.aggregate_types),
    )
    made_up = secret_file is None and wish.kind == "http"
    secret = new_secret() if made_up else read_secret(secret_file)
    check(wanted, secret)
    stored = fleet.subscriptions.add(wanted, wish.start, secret)
    shown = {"secret": secret} if made_up else {}
    if as_json:
        show_json({**document(stored), **shown})
        return
    show(f"{stored.name} is told of events behind position {stored.start_position:,}")
    tell_secret(shown)


def options_from(options: Sequence[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return name=value pairs; a value that is JSON is meant as such."""
    found = {name: value for name, value in given.items() if value is not None}
    for pair in options:
        name, separator, text = pair.partition("=")
        if not separator:
            raise InvalidSubscriptionError("option", f"must be NAME=VALUE, which {pair!r} is not")
        if name in found:
            raise InvalidSubscriptionError(f"options.{name}", "is given twice")
        try:
            found[name] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            found[name] = text
    return found


def read_secret(file: TextIO | None) -> str | None:
    if file is None:
        return None
    secret = file.read().strip()
    if not secret:
        raise InvalidSubscriptionError("secret", "is empty")
    return secret


def check(wanted: Subscription, secret: str | None) -> None:
    """Have the channel look at it, which connects to nothing yet."""
    check_subscription(wanted)
    channel_for(wanted, Secrets((secret,) if secret else ())).close()


def tell_secret(shown: Mapping[str, str | None]) -> None:
    if shown:
        show(f"signing secret: {shown['secret']}")
        say(ONLY_NOW, style="yellow")


def found_standings() -> list[Standing]:
    with fleet.database.connect(Role.READER) as connection:
        return standings(connection)


def tell_subscriptions(*, as_json: bool) -> None:
    """Print all of them, and below what a person should look at."""
    found = found_standings()
    if as_json:
        show_json([about(one) for one in found])
        return
    if not found:
        show("nobody is told of anything; begin with: fleetlog subscription add")
        return
    made = table(
        *("name", "kind", "status", "waiting", "parked", "to"), right=("waiting", "parked")
    )
    for one in found:
        of = one.subscription
        cells = (of.name, of.kind, of.status, f"{one.waiting:,}", f"{one.parked:,}", of.endpoint)
        add(made, *cells, style="red" if one.problem else "yellow" if one.warning else None)
    show(made)
    tell_words(found)


def tell_words(found: Sequence[Standing]) -> None:
    for one in found:
        if one.problem:
            say(one.problem, style="red")
        if one.warning:
            say(one.warning, style="yellow")


def tell_subscription(name: str, *, as_json: bool) -> None:
    """Print all about one."""
    fleet.subscriptions.find(name)
    (one,) = (one for one in found_standings() if one.name == name)
    if as_json:
        show_json(about(one))
        return
    made = table("", "")
    made.show_header = False
    for field, value in about(one).items():
        text = msgspec.json.encode(value).decode() if isinstance(value, dict) else value
        shown = ", ".join(value) or "all" if isinstance(value, list) else text
        add(made, field.replace("_", " "), shown)
    show(made)
    tell_words([one])


def set_status(name: str, status: Status) -> None:
    """Pause or resume."""
    fleet.subscriptions.set_status(name, status, process_name())
    if status == "active":
        delivering.ring(name)
        show(f"{name} goes on where it was paused")
    else:
        show(f"{name} is paused; what happens meanwhile is sent when it is resumed")


def remove_subscription(name: str, *, discard: bool) -> None:
    """Forget it, in portions: a transaction must not take long."""
    fleet.subscriptions.find(name)
    (one,) = (one for one in found_standings() if one.name == name)
    left = one.waiting + one.parked
    if left and not discard:
        deliveries = counted(left, "delivery", "deliveries")
        raise Failure(f"{deliveries} of {name} would be lost; if that is meant: --discard")
    fleet.subscriptions.set_status(name, "paused", process_name())
    try:
        with Bars() as bars:
            bar, gone = bars.bar(f"removing {name}"), 0
            while rows := fleet.subscriptions.remove_some(name):
                gone += rows
                bar.at(gone)
        fleet.subscriptions.remove(name, process_name())
    except KeyboardInterrupt:
        raise Interrupted(f"{name} is paused and partly removed; run this again") from None
    show(f"{name} is removed")


def rotate(name: str, keep: timedelta, secret_file: TextIO | None, *, as_json: bool) -> None:
    """Make a new secret the newest; the others stay valid for a while."""
    of = fleet.subscriptions.find(name)
    made_up = secret_file is None
    if made_up and of.kind != "http":
        raise Failure(f"secret: the receiver of {of.kind} makes it, so give it: --secret-file")
    secret = new_secret() if secret_file is None else read_secret(secret_file)
    check(of, secret)
    fleet.subscriptions.rotate(name, secret or "", keep)
    shown = {"secret": secret} if made_up else {}
    if as_json:
        show_json({"name": name, **shown})
        return
    show(f"{name} has a new secret; the old one stays valid for {keep.total_seconds() / 3600:g} h")
    tell_secret(shown)


def send_test(name: str) -> None:
    """Send a made-up event over the real channel; raises Failure when it did not arrive."""
    of = fleet.subscriptions.find(name)
    data = msgspec.json.encode({"subscription": name}).decode()
    event = RecordedEvent(
        *(0, f"test-{name}", TEST_AGGREGATE, TEST_EVENT, 1, 1, datetime.now(UTC), data),
        event_id=uuid4(),
    )
    channel = channel_for(of, fleet.subscriptions.secrets(name))
    try:
        channel.send(Outgoing(event, name))
    except Exception as error:
        raise Failure(f"{name} was not reached: {said(error)}") from error
    finally:
        channel.close()
    show(f"{name} was reached and has taken the event")
