"""What a command's task refuses before anything is accepted."""

from typing import Any

from domain.aggregate import aggregate_for
from store.command_codec import make_command
from workers.awaiting import aggregate_type_of, refuse_unread
from workers.continuation import AFTER_PROJECTED
from workers.errors import UnsupportedOptionError

LATER = ("countdown", "eta", "expires")


def refuse_later(options: dict[str, Any]) -> None:
    for option in LATER:
        if options.get(option) is not None:
            raise UnsupportedOptionError(option, "it is accepted now and worked off in order")


def refuse_positional(name: str, args: Any) -> None:
    if by_position(args):
        raise TypeError(f"{name} takes its fields by name, such as user_id=...")


def by_position(args: Any) -> list[Any]:
    """A chain hands on the result of the command before; nothing else may come by position."""
    result = {"aggregate_id", "version"}
    return [arg for arg in args or () if not (isinstance(arg, dict) and arg.keys() >= result)]


def check(chain: Any, before: str) -> Any:
    """
    Refuse a chain with a bad step now, not when its turn comes.

    `chain` is in reverse, `before` the command that it comes after: a projection that is waited
    for must read what the last command before that may append.
    """
    for step in reversed(chain or ()):
        name, fields = step.get("task"), step.get("kwargs") or {}
        if aggregate_for(name) is not None:
            refuse_positional(name, step.get("args"))
            make_command(name, fields)
            before = name
        elif name == AFTER_PROJECTED:
            refuse_unread(fields.get("projections") or (), aggregate_type_of(before))
    return chain
