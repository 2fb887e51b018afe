"""Given/when/then for aggregates: shipped, so that a user's own domain is tested the same way."""

from typing import Any, Self

from domain.aggregate import Aggregate
from domain.command import Command
from domain.errors import DomainError
from domain.event import Event


class Scenario:
    """Read it aloud: given this history, when this is asked, then this happens."""

    def __init__(self, kind: type[Aggregate[Any, Any]], id: str = "42") -> None:
        self.aggregate = kind(id)
        self._commands: list[Command] = []

    def given(self, *history: Event) -> Self:
        """Start from these events."""
        self.aggregate.replay(history)
        return self

    def when(self, *commands: Command) -> Self:
        """Ask for these, in order, once the expectation is stated."""
        self._commands.extend(commands)
        return self

    def then(self, *expected: Event) -> Self:
        """Expect exactly these new events; none given means that nothing happens."""
        for command in self._commands:
            self.aggregate.execute(command)
        self._expect(expected)
        return self

    def refused(self, error: type[DomainError], *, saying: str = "") -> Self:
        """Expect the last command to be refused with `error`, whose sentence holds `saying`."""
        *accepted, refused = self._commands
        for command in accepted:
            self.aggregate.execute(command)
        before = tuple(self.aggregate.pending)
        try:
            self.aggregate.execute(refused)
        except error as reason:
            if saying not in str(reason):
                raise AssertionError(f"refused, but said {str(reason)!r}") from reason
        else:
            raise AssertionError(f"{refused!r} was not refused")
        self._expect(before)
        return self

    def _expect(self, expected: tuple[Event, ...]) -> None:
        actual = tuple(self.aggregate.pending)
        if actual != expected:
            raise AssertionError(f"expected {list(expected)!r}, but recorded {list(actual)!r}")
