"""Packages of somebody else that go by the names of ours, and would be imported instead."""

from collections.abc import Iterator, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
OURS = ("beat_schedule", "domain", "store", "workers")


class ShadowedError(ImportError):
    """What would be imported under a name of ours is somebody else's; the message says whose."""


def require_our_own(path: Sequence[str]) -> None:
    """Raise ShadowedError if imports that search `path` would find another package for ours."""
    for name, place in shadows(path):
        raise ShadowedError(
            f"{place} hides fleetlog's own package {name!r}, which lies in {HERE}: "
            "give it another name, or start fleetlog where it is not found"
        )


def shadows(path: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the names of ours that lead elsewhere, each with the place."""
    for name in OURS:
        found = PathFinder.find_spec(name, path)
        ours = {HERE / name / "__init__.py", HERE / f"{name}.py"}
        if found and found.origin and Path(found.origin).resolve() not in ours:
            yield name, found.origin
