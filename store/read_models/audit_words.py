"""What an event says in words: "User bob was deactivated"."""

import re
from functools import lru_cache

from domain.event import Event
from store.recorded import RecordedEvent

BOUNDARY = re.compile(
    r"(?<=[a-z0-9])(?=[A-Z])|(?<=[a-z])(?=[0-9])|(?<=[A-Z])(?=[A-Z][a-z])|[_\s-]+"
)
PARTICIPLE = re.compile(
    "[a-z]+ed|begun|born|bought|broken|brought|built|chosen|cut|done|drawn|driven|eaten|found|given|"
    "grown|held|hidden|kept|left|lost|made|met|paid|put|read|seen|sent|set|shown|sold|spent|split|"
    "stolen|taken|taught|thrown|told|withdrawn|won|written"
)


def in_words(event: RecordedEvent, cls: type[Event] | None) -> str:
    """Return the sentence that the event's class brings, or one made of the names alone."""
    if cls is not None and cls.in_words is not None:
        return cls.in_words.replace("{id}", event.aggregate_id)
    says = predicate(event.aggregate_type, event.event_type)
    return f"{event.aggregate_type} {event.aggregate_id}{says}"


@lru_cache(maxsize=4096)
def predicate(aggregate_type: str, event_type: str) -> str:
    """Return what is said of the aggregate, read out of the type's name."""
    subject, words = words_of(aggregate_type), words_of(event_type)
    lowered = [word.lower() for word in subject]
    if len(words) > len(subject) and [w.lower() for w in words[: len(subject)]] == lowered:
        words = words[len(subject) :]
    (first, *others) = words
    if not others and PARTICIPLE.fullmatch(first):
        return f" was {first}"
    return f": {' '.join(words)}"


def words_of(name: str) -> list[str]:
    """Split a name where its writer did; abbreviations stay as they are."""
    parts = [part for part in BOUNDARY.split(name) if part] or [name]
    return [part if part.isupper() else part.lower() for part in parts]
