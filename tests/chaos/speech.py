"""What a client of PostgreSQL says, as far as a proxy must understand it to hear a commit."""

import re
from collections.abc import Iterator

READY = b"Z\x00\x00\x00\x05"  # what was asked is done; one more byte tells of the transaction
WRITES = re.compile(
    rb"append_events|settle_commands|accept_commands|refuse_command|charge_command|excuse_command"
    rb"|note_failure|set_aside_command|retry_commands|take_overdue|command_continued|dead_letter"
    rb"|insert\s+into|update\s+\S+\s+set|delete\s+from",
    re.IGNORECASE,
)


class Speech:
    """
    One client's side of a connection, without encryption. See "Message Formats" in its manual.

    Both kinds of commit are heard: COMMIT after something was written, and a call that writes
    outside of a transaction.
    """

    def __init__(self) -> None:
        self.in_transaction = False
        self.called = b""
        self._unread = bytearray()
        self._greeted = False
        self._statements: dict[bytes, bytes] = {}
        self._wrote = False

    def commits(self, said: bytes) -> bool:
        """Take in what the client says; returns whether it ends by asking for a commit."""
        self._unread += said
        asked = False
        for kind, body in self._messages():
            asked = self._asks(kind, body) or asked
        return asked

    def hear(self, answer: bytes) -> None:
        """Take in what the server says."""
        if answer[-6:-1] == READY:
            self.in_transaction = not answer.endswith(b"I")
            self._wrote = self._wrote and self.in_transaction

    def _messages(self) -> Iterator[tuple[bytes, bytes]]:
        while True:
            head = 1 if self._greeted else 0  # the very first message has no kind
            if len(self._unread) < head + 4:
                return
            end = head + int.from_bytes(self._unread[head : head + 4])
            if len(self._unread) < end:
                return
            kind, body = bytes(self._unread[:head]), bytes(self._unread[head + 4 : end])
            del self._unread[:end]
            self._greeted = True
            yield kind, body

    def _asks(self, kind: bytes, body: bytes) -> bool:
        if kind == b"P":
            name, statement, _ = body.split(b"\0", 2)
            self._statements[name] = statement
        elif kind == b"B":
            _, name, _ = body.split(b"\0", 2)
            self.called = self._statements.get(name, b"")
        elif kind == b"E":
            self._wrote = self._wrote or bool(WRITES.search(self.called))
        elif kind == b"Q" and body.upper().startswith(b"COMMIT"):
            return self._wrote
        elif kind == b"Q":
            self._wrote = self._wrote or bool(WRITES.search(body))
            return self._wrote and not self.in_transaction
        elif kind == b"S":
            return self._wrote and not self.in_transaction
        return False


def refused(answer: bytes) -> bool:
    """Whether a whole answer of the server holds an error."""
    while answer:
        if answer.startswith(b"E"):
            return True
        answer = answer[1 + int.from_bytes(answer[1:5]) :]
    return False
