"""Other processes that use the embedded servers, and questions to the servers from outside."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from redis import Redis
from redis.exceptions import RedisError

from workers.embedded import Servers, servers

ROOT = Path(__file__).parents[2]
USER = """
import sys
from pathlib import Path
from workers.embedded import hold
hold(Path(sys.argv[1]), durable=False)
print("ready", flush=True)
"""
UNTIL_TOLD = "sys.stdin.read()"


def another_process(home: Path, then: str = UNTIL_TOLD) -> subprocess.Popen[str]:
    """Start a process that holds the servers, and leaves when its standard input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", USER + then, str(home)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


@contextmanager
def user(home: Path, then: str = UNTIL_TOLD) -> Iterator[subprocess.Popen[str]]:
    """Have another process hold the servers for the length of a block."""
    with another_process(home, then) as process:
        assert line(process) == "ready"
        yield process


def addresses(home: Path) -> Servers:
    """Where the servers of this home are, without using them afterwards."""
    with servers(home, durable=False) as found:
        return found


def ask(found: Servers, query: str, *values: str) -> str:
    with psycopg.connect(found.migration_url, autocommit=True) as connection:
        cursor = connection.execute(query.encode(), values)
        return str(row[0]) if cursor.description and (row := cursor.fetchone()) else ""


@contextmanager
def client(found: Servers) -> Iterator[Redis]:
    redis = Redis.from_url(found.redis_url, decode_responses=True)
    try:
        yield redis
    finally:
        redis.close()


def postgres_answers(found: Servers) -> bool:
    try:
        psycopg.connect(found.migration_url).close()
    except psycopg.OperationalError:
        return False
    return True


def valkey_answers(found: Servers) -> bool:
    try:
        with client(found) as redis:
            return bool(redis.ping())
    except RedisError:
        return False


def both_answer(found: Servers) -> bool:
    return postgres_answers(found) and valkey_answers(found)


def neither_answers(found: Servers) -> bool:
    return not postgres_answers(found) and not valkey_answers(found)


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def remember(found: Servers, word: str) -> None:
    """Leave a word in both servers."""
    ask(found, "CREATE TABLE IF NOT EXISTS remembered (word text)")
    ask(found, "TRUNCATE remembered")
    ask(found, "INSERT INTO remembered VALUES (%s)", word)
    with client(found) as redis:
        redis.set("word", word)


def remembered(found: Servers) -> tuple[str, str]:
    with client(found) as redis:
        return ask(found, "SELECT word FROM remembered"), str(redis.get("word"))


def postmaster(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().split()[0])
