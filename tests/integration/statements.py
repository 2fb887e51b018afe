"""Counting what is asked of the server."""

from dataclasses import dataclass, field
from typing import Any, cast

from store.engine import Connection


@dataclass
class Counted:
    """A connection that remembers its statements."""

    connection: Connection
    statements: list[str] = field(default_factory=list)

    def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
        self.statements.append(str(query))
        return self.connection.execute(query, *arguments, **options)

    def as_connection(self) -> Connection:
        return cast("Connection", self)
