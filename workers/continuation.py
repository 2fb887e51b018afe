"""What Celery does after a command: kept with it, so that a lost message loses no chain."""

from typing import Any
from uuid import UUID

import msgspec
from kombu.utils.json import dumps, loads

from domain.errors import InvalidFieldError
from store.errors import UnstorableError
from store.storable import check_value

AFTER_PROJECTED = "commands.after_projected"


def packed(link: Any, link_error: Any, chain: Any) -> dict[str, Any] | None:
    """Return links and chain as plain JSON values, or None when nothing comes after."""
    parts = {
        "callbacks": as_list(link),
        "errbacks": as_list(link_error),
        "chain": as_list(chain) or None,
    }
    if not any(parts.values()):
        return None
    plain: dict[str, Any] = msgspec.json.decode(dumps(parts))
    for name, steps in plain.items():
        if not all(is_signature(step) for step in steps or ()):
            raise InvalidFieldError("chain", name, "must hold Celery's signatures")
    try:
        check_value(plain, "chain")
    except UnstorableError as error:
        raise InvalidFieldError("chain", error.where.removeprefix("chain."), error.rule) from None
    return plain


def taken_from(request: Any) -> dict[str, Any] | None:
    """
    Take the links and the chain of a message that brought its own.

    Raises InvalidFieldError for what is none; the request loses it, or Celery would try to send it.
    """
    try:
        return packed(request.callbacks, request.errbacks, request.chain)
    except InvalidFieldError:
        request.update(callbacks=None, errbacks=None, chain=None)
        raise


def restore(continuation: dict[str, Any], request: Any) -> None:
    """Put them back where Celery looks for them when the task returns."""
    parts = loads(msgspec.json.encode(continuation).decode())
    request.update(**parts)


def hold(request: Any, command_id: UUID) -> bool:
    """
    Whether what comes next only waits, until a read model shows the command.

    Then the chain stays in the command's row until that step lets go of it: it is told whose.
    """
    step = request.chain[-1] if request.chain else None
    if step is None or step["task"] != AFTER_PROJECTED:
        return False
    step["kwargs"]["held"] = str(command_id)
    return True


def is_signature(step: object) -> bool:
    """
    Whether it is a task to be sent, as Celery writes it.

    Without arguments or options Celery fails to send it, and the relay would try for ever.
    """
    return (
        isinstance(step, dict)
        and isinstance(step.get("task"), str)
        and isinstance(step.get("args"), list)
        and isinstance(step.get("kwargs", {}), dict)
        and isinstance(step.get("options"), dict)
    )


def as_list(links: Any) -> list[Any]:
    if not links:
        return []
    return list(links) if isinstance(links, list | tuple) else [links]
