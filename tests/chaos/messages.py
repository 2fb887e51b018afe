"""What lies in the broker: messages that wait, and messages taken and not acknowledged."""

from collections.abc import Iterator

from redis import Redis

# Where a person's question to the workers is answered; nobody's work.
ANSWERS = b".pidbox"


def left_over(redis: Redis) -> Iterator[str]:
    """Yield a sentence for every place in the broker that is not empty, whatever its name."""
    for key in sorted(redis.scan_iter(count=1000, _type="list")):
        waiting = redis.llen(key)
        if waiting and not key.endswith(ANSWERS):
            yield f"{waiting} messages lie in {key.decode(errors='replace')}"
    if taken := redis.hlen("unacked"):
        yield f"{taken} messages lie in unacked"
    if listed := redis.zcard("unacked_index"):
        yield f"{listed} messages are listed in unacked_index"
