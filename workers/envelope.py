"""Who asked, why, and on whose behalf: from Celery's headers to a command's metadata."""

from collections.abc import Mapping
from typing import Any

from store.codec import Metadata

CLAIMED = ("actor", "reason", "correlation_id", "causation_id", "traceparent")
LONGEST = 255


def metadata_from(headers: Mapping[str, Any], lineage: Mapping[str, Any]) -> Metadata:
    """
    Return what the sender claims; without claims, Celery's own lineage says what led here.

    `lineage` holds Celery's `root_id` and `parent_id`, which a chain hands down.
    """
    claimed = {name: text(headers[name]) for name in CLAIMED if headers.get(name) is not None}
    inherited = {"correlation_id": lineage.get("root_id"), "causation_id": lineage.get("parent_id")}
    found = {name: text(value) for name, value in inherited.items() if value is not None}
    return Metadata(**{**found, **claimed})


def text(value: object) -> str:
    """Claims come from anywhere: keep them short and storable."""
    return str(value).replace("\x00", "").encode("utf-8", "replace").decode()[:LONGEST]
