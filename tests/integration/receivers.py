"""A receiver of webhooks for tests: a real HTTP server that misbehaves when it is told to."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

import msgspec


@dataclass(frozen=True)
class Request:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def event(self) -> dict[str, Any]:
        return msgspec.json.decode(self.body, type=dict[str, Any])

    @property
    def about(self) -> tuple[str, int]:
        """Which event this is: aggregate, without what a test put before it, and place in it."""
        subject = self.event["subject"].rpartition(".")[2]
        return subject, int(self.event["sequencenumber"])

    @property
    def key(self) -> str:
        return self.headers["webhook-id"]


@dataclass(frozen=True)
class Answer:
    """
    What to do with a request.

    `hang` waits for the end of the test, `drip` before each byte, `after` before the first.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"thanks"
    hang: bool = False
    close: bool = False
    drip: float = 0.0
    after: float = 0.0
    twice: bool = False


OK = Answer()


class Receiver:
    """Keeps what it gets; `answer` decides, by the request and how many came before it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.requests: list[Request] = []
        self.connections = 0
        self.at_once = self.most_at_once = 0
        self.answer: Callable[[Request, int], Answer] = lambda _request, _number: OK
        self.over = Event()
        self.lock = Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?from=fleetlog"

    @property
    def abouts(self) -> list[tuple[str, int]]:
        return [request.about for request in self.requests]

    @property
    def keys(self) -> list[str]:
        return [request.key for request in self.requests]

    def always(self, answer: Answer) -> None:
        self.answer = lambda _request, _number: answer

    def first(self, *answers: Answer) -> None:
        """Answer the first requests so, and all later ones well."""
        self.answer = lambda _request, number: answers[number] if number < len(answers) else OK


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: Receiver

    def setup(self) -> None:
        super().setup()
        with self.receiver.lock:
            self.receiver.connections += 1

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        body = self.rfile.read(length)
        if len(body) < length:
            return  # whoever sent it died on the way
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.path, headers, body, time.monotonic())
        with self.receiver.lock:
            number = len(self.receiver.requests)
            self.receiver.requests.append(request)
            self.receiver.at_once += 1
            self.receiver.most_at_once = max(self.receiver.most_at_once, self.receiver.at_once)
        try:
            self._give(self.receiver.answer(request, number))
        finally:
            with self.receiver.lock:
                self.receiver.at_once -= 1

    def _give(self, answer: Answer) -> None:
        self.close_connection = answer.close or answer.twice
        if answer.hang or answer.after:
            self.receiver.over.wait(answer.after or 30)
        if answer.hang or answer.close:
            return
        head = {"content-length": str(len(answer.body)), **answer.headers}
        lines = [f"HTTP/1.1 {answer.status} so", *(f"{k}: {v}" for k, v in head.items()), "", ""]
        said = "\r\n".join(lines).encode() + answer.body
        if answer.drip:
            self._drip(said, answer.drip)
        else:
            self.wfile.write(said * (2 if answer.twice else 1))

    def _drip(self, said: bytes, pause: float) -> None:
        for byte in said:
            if self.receiver.over.wait(pause):
                return
            self.wfile.write(bytes([byte]))

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    address_family = socket.AF_INET

    def handle_error(self, *_: object) -> None:
        """A client that gave us up is what many of these tests are about."""


@contextmanager
def receiving(tls: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Receiver]:
    """Run a receiver for the length of a block."""
    handler = type("OwnHandler", (Handler,), {})
    server = Server(("127.0.0.1", port), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver = handler.receiver = Receiver(server.server_address[1])  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.shutdown()
        thread.join(10)
        server.server_close()
