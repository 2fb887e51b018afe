"""Who asked, why, and on whose behalf: from Celery's headers to a command's metadata."""

from collections.abc import Mapping
from typing import Any

from store.codec import Metadata
from store.storable import storable_text

CLAIMED = ("actor", "reason", "correlation_id", "causation_id", "traceparent")
LONGEST = 255


def metadata_from(headers: Mapping[str, Any], lineage: Mapping[str, Any]) -> Metadata:
    """
    Return what the sender claims; without claims, Celery's own lineage says what led here.

    `lineage` holds Celery's `root_id` and `parent_id`, which a chain hands down. Claims come
    from anywhere: they are kept short and storable.
    """
    inherited = {"correlation_id": lineage.get("root_id"), "causation_id": lineage.get("parent_id")}
    claimed = {name: headers.get(name) for name in CLAIMED}
    found = {**given(inherited), **given(claimed)}
    kept: dict[str, Any] = {name: storable_text(value, LONGEST) for name, value in found.items()}
    return Metadata(**kept)


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
