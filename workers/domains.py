"""The user's own modules: importing them is what registers their events, commands and folds."""

import importlib
from collections.abc import Iterable

from domain.aggregate import aggregates
from domain.upcasting import missing_upcasters
from store.errors import DomainSetupError
from workers.settings import current_settings


def load_domain(modules: Iterable[str] | None = None) -> None:
    """
    Import the modules that FLEETLOG_DOMAIN names, and check what they declare.

    Raises DomainSetupError, naming the module or the event. Harmless to repeat.
    """
    for name in modules or current_settings().domain:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise DomainSetupError(f"FLEETLOG_DOMAIN names {name!r}: {error}") from error
    for aggregate in aggregates():
        for event in aggregate.event_classes.values():
            for version in missing_upcasters(event):
                raise DomainSetupError(
                    f"{event.event_type} is at version {event.schema_version}, but has no "
                    f"upcaster from version {version}"
                )
