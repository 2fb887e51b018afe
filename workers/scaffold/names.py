"""What an aggregate may be called: a name from which every other name follows."""

import builtins
import keyword
import re
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from domain.aggregate import aggregate_class, aggregate_for
from store.projection import projection, read_models
from store.schema import READ_MODEL_SCHEMA

PASCAL = re.compile(r"(?:[A-Z][a-z0-9]*)+")
SNAKE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*")
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
LONGEST_NAME, LONGEST_PACKAGE = 26, 40  # what fits on the lines that are written
FILES = frozenset({"commands", "events", "read_model"})
OURS = frozenset({"beat_schedule", "domain", "store", "workers"})


class NameRefusedError(ValueError):
    """A name that could not work; the message says why, and what would."""


@dataclass(frozen=True)
class Names:
    """One aggregate's names: `SupportTicket`, `support_ticket`, and the package it goes to."""

    name: str
    snake: str
    package: str

    @property
    def words(self) -> str:
        return self.snake.replace("_", " ")


def names_of(given: str, package: str | None) -> Names:
    """Return the names that follow from `SupportTicket` or `support_ticket`; NameRefusedError."""
    if SNAKE.fullmatch(given):
        name = "".join(part.capitalize() for part in given.split("_"))
    elif PASCAL.fullmatch(given):
        name = given
    else:
        raise NameRefusedError(
            f"{given!r} is no name for an aggregate: write it like Ticket or support_ticket"
        )
    snake = HUMP.sub("_", name).lower()
    if len(snake) > LONGEST_NAME:
        raise NameRefusedError(f"{given!r} is longer than {LONGEST_NAME} letters: shorten it")
    if keyword.iskeyword(snake) or hasattr(builtins, name) or snake in FILES:
        raise NameRefusedError(f"{given!r} means something else here already: choose another name")
    names = Names(name, snake, package or snake)
    check_package(names.package)
    return names


def check_package(package: str) -> None:
    """Refuse a package that Python could not import, or that would hide one of another's."""
    parts = package.split(".")
    if not all(SNAKE.fullmatch(part) and not keyword.iskeyword(part) for part in parts):
        raise NameRefusedError(f"{package!r} is not the name of a package, like acme.tickets")
    if len(package) > LONGEST_PACKAGE:
        raise NameRefusedError(f"{package!r} is longer than {LONGEST_PACKAGE} letters: shorten it")
    if parts[0] in OURS:
        raise NameRefusedError(
            f"{parts[0]!r} is fleetlog's own package: give yours another name, like acme.tickets"
        )
    if parts[0] in sys.stdlib_module_names or parts[0] == "tests":
        raise NameRefusedError(f"a package {parts[0]!r} would hide another: choose another name")


def check_place(package: str, into: Path) -> None:
    """Refuse a package whose name is taken by one that is installed elsewhere."""
    first = package.partition(".")[0]
    found = find_spec(first)
    if found is None or found.origin is None:  # nothing, or folders that share a name
        return
    if not Path(found.origin).resolve().is_relative_to(into.resolve()):
        raise NameRefusedError(
            f"{first!r} is installed already, from {found.origin}: choose another package"
        )


def check_free(names: Names) -> None:
    """Refuse names that another package of the domain has declared."""
    taken = {
        f"aggregate {names.name}": aggregate_class(names.name),
        f"command Create{names.name}": aggregate_for(f"Create{names.name}"),
        f"command Close{names.name}": aggregate_for(f"Close{names.name}"),
        f"projection {names.snake}_board": (found := projection(f"{names.snake}_board"))
        and type(found),
    }
    for what, owner in taken.items():
        if owner and not f"{owner.__module__}.".startswith(f"{names.package}."):
            raise NameRefusedError(f"{what} is declared already, in {owner.__module__}")
    table = f"{READ_MODEL_SCHEMA}.{names.snake}_read_model"
    if table in read_models.tables and not any(taken.values()):
        raise NameRefusedError(f"the table {table} is declared already")
