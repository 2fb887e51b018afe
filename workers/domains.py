"""The user's own modules: importing them is what registers their events, commands and folds."""

import importlib
import os
import sys
import traceback
from collections.abc import Iterable

from domain.aggregate import aggregates
from domain.upcasting import missing_upcasters
from store.errors import DomainSetupError
from workers.settings import current_settings
from workers.shadows import HERE, OURS


def load_domain(modules: Iterable[str] | None = None) -> None:
    """
    Import the modules that FLEETLOG_DOMAIN names, and check what they declare.

    Raises DomainSetupError, naming the module or the event. Harmless to repeat.
    """
    look_where_we_were_started()
    for name in modules or current_settings().domain:
        try:
            importlib.import_module(name)
        except Exception as error:
            raise DomainSetupError(f"FLEETLOG_DOMAIN names {name!r}: {why(name, error)}") from error
    for aggregate in aggregates():
        for event in aggregate.event_classes.values():
            for version in missing_upcasters(event):
                raise DomainSetupError(
                    f"{event.event_type} is at version {event.schema_version}, but has no "
                    f"upcaster from version {version}"
                )


def look_where_we_were_started() -> None:
    """Let modules be found there, after everything else; Celery does so only for its app."""
    try:
        here = os.getcwd()  # noqa: PTH109 - sys.path holds texts
    except FileNotFoundError:  # it was removed under us
        return
    if not {here, ""} & set(sys.path):
        sys.path.append(here)


def why(name: str, error: Exception) -> str:
    """Return in one sentence why a module cannot be loaded, and which line of it says so."""
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and f"{name}.".startswith(f"{missing}."):
        first = missing.partition(".")[0]
        where = f"; {first!r} is fleetlog's own package, from {HERE}" if first in OURS else ""
        return f"{error}{where}"
    kind = "" if isinstance(error, DomainSetupError) else f"{type(error).__name__}: "
    return f"it cannot be loaded: {kind}{first_line(error)}{place(name, error)}"


def first_line(error: Exception) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return next(iter(text.strip().splitlines()), "it does not say why")


def place(name: str, error: Exception) -> str:
    """Return the last line on the way to the error that is the user's own."""
    if isinstance(error, SyntaxError):
        return f" ({error.filename}, line {error.lineno})"
    first, found = name.partition(".")[0], ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__")).partition(".")[0] == first:
            found = f" ({frame.f_code.co_filename}, line {line})"
    return found
