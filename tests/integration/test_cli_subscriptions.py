"""`fleetlog subscription`, `deliveries`, `skip` and `retry --subscription`."""

from pathlib import Path

import pytest

from store.subscriptions import Secrets
from tests.fleets import TestFleet
from tests.integration.receivers import Answer, Receiver
from tests.integration.screens import Told, told
from tests.integration.subscribed import Subscribed
from tests.integration.webhooks import verified
from workers.delivering.signing import new_secret
from workers.fleet import fleet

FAR = "https://shop.example/hook"


def added(to: str = FAR, *options: str, name: str = "shop") -> Told:
    return told("subscription", "add", name, "--to", to, *options)


def shop(to: TestFleet, receiver: Receiver, *options: str) -> Subscribed:
    made = added(receiver.url, "--allow-http", "--allow-private", "--json", *options).json
    return Subscribed(to, "shop", made["secret"])


def everything(*more: str) -> str:
    """All that any screen says about subscriptions."""
    screens = (
        *(("subscription", "list"), ("subscription", "show", "shop"), ("deliveries",)),
        *(("status",), ("projections",)),
    )
    return "".join(
        f"{one.out}{one.err}" for screen in screens for one in (told(*screen), told(*screen, *more))
    )


def test_a_subscription_is_added_listed_shown_and_removed(idle: TestFleet) -> None:
    made = added(FAR, "--event-type", "Rang", "--aggregate-type", "Toy", "--from", "start")
    listed = told("subscription", "list")
    shown = told("subscription", "show", "shop", "--json").json
    removed = told("subscription", "remove", "shop")

    assert made.status == 0
    assert made.out.startswith("shop is told of events behind position 0\nsigning secret: whsec_")
    assert "shop  http  active" in listed.out
    assert (shown["event_types"], shown["aggregate_types"]) == (["Rang"], ["Toy"])
    assert (shown["status"], shown["start_position"], shown["waiting"]) == ("active", 0, 0)
    assert removed.out == "shop is removed\n"
    assert told("subscription", "list", "--json").json == []


def test_a_secret_is_shown_where_it_is_made_and_never_again(
    idle: TestFleet, receiver: Receiver
) -> None:
    receiver.always(Answer(500))
    of = shop(idle, receiver, "--from", "start")
    of.append("a", 1)
    of.deliver()
    rotated = told("subscription", "rotate-secret", "shop", "--json").json["secret"]
    said = everything("--json") + repr(fleet.subscriptions.secrets("shop"))
    core = [secret.removeprefix("whsec_") for secret in (of.secret, rotated)]

    assert len(fleet.subscriptions.secrets("shop").values) == 2
    assert [one for one in core if one in said] == []
    assert "whsec_" not in said
    assert repr(Secrets(("hunter2",))) == "Secrets()"


def test_a_secret_may_be_given_and_is_not_shown_at_all(idle: TestFleet, tmp_path: Path) -> None:
    secret, file = new_secret(), tmp_path / "secret"
    file.write_text(f"{secret}\n")
    made = added(FAR, "--secret-file", str(file))
    piped = told(
        *("subscription", "add", "piped", "--to", FAR, "--secret-file", "-"), input=new_secret()
    )

    assert (made.status, piped.status) == (0, 0)
    assert secret not in made.out + made.err
    assert "whsec_" not in made.out + made.err + piped.out + piped.err
    assert fleet.subscriptions.secrets("shop").values == (secret,)


@pytest.mark.parametrize("keep", [24, 0])
def test_a_rotated_secret_stays_valid_for_as_long_as_was_said(
    idle: TestFleet, receiver: Receiver, keep: int
) -> None:
    of = shop(idle, receiver, "--from", "start")
    told_ = told("subscription", "rotate-secret", "shop", "--keep-hours", str(keep), "--json")
    of.append("a", 1)
    of.deliver()
    (request,) = receiver.requests

    assert verified(request.body, request.headers, told_.json["secret"])
    assert verified(request.body, request.headers, of.secret) == (keep > 0)


def test_a_name_is_given_once(idle: TestFleet) -> None:
    added()
    again = added("https://other.example/")

    assert again.status == 1
    assert again.err == "Error: name 'shop' is taken by another subscription\n"
    assert [one.endpoint for one in fleet.subscriptions.all()] == [FAR]


def test_pausing_and_resuming_is_told_and_seen(idle: TestFleet) -> None:
    added()
    paused = told("subscription", "pause", "shop")
    listed = told("subscription", "list")
    health = told("status")
    resumed = told("subscription", "resume", "shop")

    assert (paused.status, resumed.status) == (0, 0)
    assert "shop  http  paused" in listed.out
    assert "! shop is paused; go on: fleetlog subscription resume shop" in health.err
    assert [one.status for one in fleet.subscriptions.all()] == ["active"]


def parked(idle: TestFleet, receiver: Receiver) -> Subscribed:
    """A subscription whose receiver refused the first event of each of two toys."""
    of = shop(idle, receiver, "--from", "start")
    receiver.always(Answer(422))
    of.append("a", 1, 2)
    of.append("b", 1)
    of.deliver()
    receiver.always(Answer())
    return of


def test_parked_deliveries_are_seen_and_retried(idle: TestFleet, receiver: Receiver) -> None:
    of = parked(idle, receiver)
    listed = told("deliveries")
    found = told("deliveries", "--status", "parked", "--json").json
    health = told("status")
    retried = told("retry", "--subscription", "shop", "--aggregate", "a")
    of.deliver()
    left = told("deliveries", "--json").json
    done = told("deliveries", "--status", "delivered").out

    assert listed.out.startswith("1 waiting   2 parked\n")
    assert "answered 422" in listed.out
    assert [row["global_sequence"] for row in found["deliveries"]] == [1, 3]
    assert "✗ 2 deliveries of shop parked; look: fleetlog deliveries --subscription" in health.err
    assert health.status == 1
    assert retried.out == "1 delivery of shop waiting again\n"
    assert [row["aggregate_id"] for row in left["deliveries"]] == ["b"]
    assert receiver.abouts[-2:] == [("a", 1), ("a", 2)]
    assert "delivered" in done


def test_parked_deliveries_are_skipped_with_a_reason(idle: TestFleet, receiver: Receiver) -> None:
    of = parked(idle, receiver)
    skipped = told("skip", "shop", "1", "2", "--reason", "never real", "--json")
    of.deliver()
    seen = told("deliveries", "--status", "skipped")

    assert skipped.status == 1
    assert skipped.json == {"skipped": [1], "not_parked": [2]}
    assert receiver.abouts[-1] == ("a", 2)
    assert "skipped: never real" in seen.out
    assert told("skip", "shop", "3", "--reason", " ").err.startswith("Error: reason must say why")
    assert told("skip", "shop", "3").status == 2


def test_one_with_work_left_is_removed_only_by_a_second_word(
    idle: TestFleet, receiver: Receiver
) -> None:
    of = parked(idle, receiver)
    refused = told("subscription", "remove", "shop")
    removed = told("subscription", "remove", "shop", "--discard")

    assert refused.status == 1
    assert "3 deliveries of shop would be lost; if that is meant: --discard" in refused.err
    assert removed.status == 0
    assert (of.rows(), of.outbox()) == ([], [])


def test_a_receiver_can_be_tried_out(idle: TestFleet, receiver: Receiver) -> None:
    of = shop(idle, receiver)
    well = told("subscription", "test", "shop")
    receiver.always(Answer(404))
    badly = told("subscription", "test", "shop")

    assert well.out == "shop was reached and has taken the event\n"
    assert receiver.requests[0].event["type"] == "SubscriptionTested"
    assert verified(receiver.requests[0].body, receiver.requests[0].headers, of.secret)
    assert (badly.status, badly.err) == (1, "Error: shop was not reached: answered 404\n")
    assert of.rows() == []


def test_outboxes_stand_among_the_projections_with_their_lag(idle: TestFleet) -> None:
    added(FAR, "--from", "start", "--aggregate-type", "Toy")
    of = Subscribed(idle, "shop", "")
    of.append("a", 1, 2)
    before = told("projections", "--json").json
    of.fill()
    after = told("projections", "--json").json

    def lag(found: list[dict[str, object]]) -> object:
        return next(one["lag"] for one in found if one["name"] == "outbox:shop")

    assert (lag(before), lag(after)) == (2, 0)
