# ruff: noqa: PLC0415 - what an error needs is imported when there is one
"""How a command ends when it does not end well."""

from typing import Any

import click

INTERRUPTED = 130


class Failure(click.ClickException):
    """An expected end that is not a good one: a sentence on standard error, and a status."""

    def __init__(self, message: str, *, as_json: bool = False) -> None:
        super().__init__(message)
        self.as_json = as_json

    def show(self, file: Any = None) -> None:
        """Say it once, for a person or for a program."""
        if self.as_json:
            import msgspec

            text = msgspec.json.encode({"error": self.message}).decode()
        else:
            text = f"Error: {self.message}"
        click.echo(text, file=file, err=file is None)


class Interrupted(Failure):
    """Somebody pressed Ctrl-C; the sentence says what was kept."""

    exit_code = INTERRUPTED

    def __init__(self, message: str) -> None:
        super().__init__(f"interrupted: {message}")
