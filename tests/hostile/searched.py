"""For hypothesis: commands and events beyond what we could think of, any fields at all."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from domain.orders import OrderPlaced
from domain.users import UserCreated
from store.codec import Metadata, RawEvent
from tests.hostile.boxes import WasPut
from tests.hostile.event_inputs import CLAIMS, Appending
from tests.hostile.generate import ID_FIELDS, UNSTORABLE, Fields, good, seeded
from tests.hostile.odd import Odd, as_json, is_json
from tests.toys import Labelled, Rang

AN_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SHORT, ODD = 100, [*Odd]  # the enormous ones are drawn elsewhere

texts = st.text(st.characters(codec=None))
ids = st.uuids(version=4).map(str)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | texts
    | st.binary(max_size=3)
    | st.sampled_from([one for one in UNSTORABLE if len(repr(one)) < SHORT and one not in ODD]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts.map(lambda t: t[:3]), inner, max_size=3)
    ),
    max_leaves=5,
)


def fields_of(command_type: str) -> SearchStrategy[Fields]:
    """Anything in one field or several of them, beside what the command takes; or a stranger."""
    rest = good(seeded(0), command_type, "x")
    id_field = ID_FIELDS[command_type]
    known = {name: st.just(value) | anything | anything for name, value in rest.items()}
    known[id_field] = ids | ids | anything
    return st.fixed_dictionaries(known, optional={"stranger": anything})


any_command: SearchStrategy[tuple[str, Fields]] = st.sampled_from(tuple(ID_FIELDS)).flatmap(
    lambda name: st.tuples(st.just(name), fields_of(name))
)
written_command = any_command.filter(lambda one: is_json(one[1]))
written_line = written_command.map(
    lambda one: f'{{"command":"{one[0]}","data":{as_json(one[1])}}}'.encode()
)
any_line = st.one_of(written_line, written_line, st.binary(max_size=40)).map(
    lambda line: line.replace(b"\n", b"").replace(b"\r", b"")
)

metadata = st.one_of(
    st.just(Metadata()),
    st.tuples(st.sampled_from(CLAIMS), anything).map(lambda claim: Metadata(**dict([claim]))),
)
any_event: SearchStrategy[Any] = st.one_of(
    st.builds(RawEvent, event_type=st.just("Noted") | anything, data=anything),
    st.builds(
        RawEvent,
        event_type=st.just("Noted"),
        data=st.dictionaries(texts, anything, max_size=3),
        version=st.just(1) | st.integers(),
    ),
    st.builds(WasPut, thing=anything),
    st.builds(Rang, note=anything),
    st.builds(Labelled, text=anything),
    st.builds(OrderPlaced, order_id=ids, items=anything, total=anything),
    st.builds(UserCreated, user_id=ids, username=anything, email=anything),
    anything,
)
any_append = st.builds(
    Appending,
    aggregate_id=ids | ids | anything,
    event=any_event,
    names=st.none(),
    aggregate_type=st.just("Box") | st.just("Box") | anything,
    metadata=metadata,
)


def exact(thing: object) -> str:
    """Return it as text that tells 1 from 1.0 and True, in whatever order its keys are."""
    return json.dumps(msgspec.to_builtins(thing), sort_keys=True)


def searching(examples: int) -> settings:
    """Return settings for so many examples on real servers, which all of them share."""
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        # What fails is shown as it was found: each further try takes the servers' time.
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )


@dataclass(repr=False)
class Tally:
    """What was tried, and how much of it was tried for the first time."""

    what: str
    total: int = 0
    seen: set[str] = field(default_factory=set)

    def add(self, *things: object) -> None:
        self.total += len(things)
        self.seen.update(AN_ID.sub("(an id)", repr(thing)[:1000]) for thing in things)

    @property
    def distinct(self) -> int:
        return len(self.seen)

    def __repr__(self) -> str:
        return f"{self.what}: {self.total:,} tried, {self.distinct:,} distinct"


def tallied(what: str, at_least: int) -> Iterator[Tally]:
    """Lend a tally for a module's search, and fail where it has seen too little."""
    tally = Tally(what)
    yield tally
    print(tally)
    assert tally.distinct >= at_least, str(tally)
