"""Who asked and why: what a sender claims, short and storable, and where it came from."""

from store.codec import Metadata, encode_message
from workers.envelope import LONGEST, metadata_from

LINEAGE = {"root_id": "the first", "parent_id": "the one before", "id": "this one"}


def test_claims_become_metadata_and_other_headers_do_not() -> None:
    headers = {"actor": "kim", "reason": "they asked", "x-colour": "red", "traceparent": "00-1-2-3"}
    found = metadata_from(headers, {})

    assert found == Metadata(actor="kim", reason="they asked", traceparent="00-1-2-3")


def test_without_claims_celerys_lineage_says_what_led_here() -> None:
    found = metadata_from({}, LINEAGE)

    assert found == Metadata(correlation_id="the first", causation_id="the one before")


def test_a_claim_goes_before_the_lineage() -> None:
    found = metadata_from({"correlation_id": "c", "causation_id": None}, LINEAGE)

    assert found == Metadata(correlation_id="c", causation_id="the one before")


def test_whatever_is_claimed_can_be_kept() -> None:
    found = metadata_from({"actor": 7, "reason": "a\x00b\ud800" + "x" * 1000}, {"root_id": 8})

    assert (found.actor, found.correlation_id) == ("7", "8")
    assert found.reason
    assert len(found.reason) == LONGEST
    assert "\x00" not in found.reason
    assert encode_message(found, "metadata")


def test_a_claim_beyond_pythons_own_limits_can_be_kept_too() -> None:
    endless: list[object] = []
    for _ in range(100_000):
        endless = [endless]
    found = metadata_from({"actor": 10**4301, "reason": endless}, {"parent_id": b"\xff"})

    assert (found.actor, found.reason, found.causation_id) == ("(int)", "(list)", "b'\\xff'")
