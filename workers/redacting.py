"""What a worker tells others about a command's message: that it came, not what it says."""

from typing import Any

from celery.worker.request import Request

REDACTED = "(redacted)"


class CommandRequest(Request):
    """
    A message whose arguments stay out of logs, events and the dashboard.

    Ours carry none; those of a bare `send_task` may carry people's data.
    """

    _request_dict: dict[str, Any]  # the message's headers, as the pool's child will see them

    def __init__(self, message: Any, **kwargs: Any) -> None:
        claimed = (message.headers or {}).get("correlation_id")
        super().__init__(message, **kwargs)
        # A sender's own limit would come with every message, and go before the worker's.
        self.time_limits = (None, None)
        # Celery puts the task id in its place.
        self._request_dict["fleetlog_correlation_id"] = claimed
        for name in ("argsrepr", "kwargsrepr"):
            if self._request_dict.get(name) not in {"()", "{}", None}:
                self._request_dict[name] = REDACTED
        self._argsrepr = self._request_dict.get("argsrepr", "")
        self._kwargsrepr = self._request_dict.get("kwargsrepr", "")

    def _success_was_stored(self) -> bool:
        """A child has died: whether it had done its work is for the next try to find out."""
        return False

    def info(self, safe: bool = False) -> Any:  # noqa: ARG002, FBT001, FBT002 - Celery's signature
        """Answer `inspect active` and its like without the arguments, whatever was asked."""
        return super().info(safe=True)
