"""What a caller of the fleet may meet beside the refusals of the domain."""

from dataclasses import dataclass


@dataclass(eq=False)
class CommandNotDoneError(Exception):
    """The command was parked after failing too often, or cancelled."""

    command_id: str
    status: str
    reason: str

    def __str__(self) -> str:
        return f"command {self.command_id} is {self.status}: {self.reason or 'no reason given'}"


@dataclass(eq=False)
class UnsupportedOptionError(ValueError):
    """A Celery option that a durable command cannot honour."""

    option: str
    reason: str

    def __str__(self) -> str:
        return f"{self.option} does not go with a command: {self.reason}"


@dataclass(eq=False)
class NotDoneInTimeError(Exception):
    """The command had no outcome yet when the caller's time was over."""

    command_id: str
    seconds: float

    def __str__(self) -> str:
        return (
            f"no outcome after {self.seconds:g} s; command {self.command_id} is accepted and will "
            "take effect when a worker comes to it. Does one run? Ask: fleetlog status"
        )
