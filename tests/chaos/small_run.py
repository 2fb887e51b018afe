"""A run without faults, with one client, in this process: the checker must not object to it."""

from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from uuid import UUID

from redis import Redis

from domain.errors import DomainError
from store import checkpoints, snapshots
from store.command_codec import make_command
from store.engine import Database, Role
from store.event_store import EventStore
from store.inbox import Inbox, Submission
from store.projection import Projection
from store.projector import Projector
from store.read_model_tables import prepare
from store.read_models.address_book import AddressBook
from store.read_models.analytics.activity import Activity
from store.read_models.analytics.deactivations import Deactivations
from store.read_models.analytics.order_figures import OrderFigures
from store.read_models.audit_log import AuditLog
from store.read_models.order_board import OrderBoard
from store.read_models.user_directory import UserDirectory
from store.repository import Repository
from tests.chaos.drawn import TOYS, Draw, Drawn
from tests.chaos.evidence import Evidence
from tests.chaos.history import ENDING, KEPT_OUT, History, Known, read
from tests.chaos.reader import Reader
from tests.integration.inboxes import handler
from tests.toy_shelf import ToyShelf
from tests.toys import Toy

OWNER = "a small run"
COMMANDS = 200


@dataclass
class SmallRun:
    """The same seed leaves the same behind."""

    database: Database
    redis: Redis
    folder: Path
    seed: int = 14
    done: dict[str, list[UUID]] = field(default_factory=dict)
    """Ids by the type of the command, for those who want to doctor one."""
    refused: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._inbox = Inbox(self.database)
        self._handler = handler(self.database)
        projections: list[Projection] = [UserDirectory(), OrderBoard(), ToyShelf()]
        projections += [Activity(), Deactivations(), OrderFigures(), AuditLog(), AddressBook()]
        prepare(self.database, projections)
        self._projectors = [Projector(self.database, p, batch_size=40) for p in projections]

    def run(self) -> "SmallRun":
        draw = Draw(Random(self.seed))  # noqa: S311 - a load, no secret
        history = History(self.folder / f"alone{ENDING}", "alone")
        for _ in range(COMMANDS):
            self._submit(draw(), history)
        history.close()
        self.settle()
        return self

    def _submit(self, one: Drawn, history: History) -> None:
        known = Known(one.command_id, one.command_type, one.aggregate_id)
        history.note("invoke", known, "inbox")
        try:
            command = make_command(one.command_type, one.fields)
        except DomainError as refusal:
            history.note("refused", known, f"{KEPT_OUT}{refusal}")
            return
        self._inbox.accept([Submission(command_id=one.command_id, command=command)])
        self._handler.work_off([one.aggregate_id], suspicious=False)
        state = self._inbox.find(one.command_id)
        if state and state.status == "done":
            history.note("ok", known, answer=state.result)
            self.done.setdefault(one.command_type, []).append(one.command_id)
        elif state and state.status == "rejected":
            history.note("refused", known, str((state.error or {}).get("type")))
            self.refused.append(one.command_id)

    def settle(self) -> None:
        """Bring the projections to the end, take snapshots of the toys, read everything."""
        for projector in self._projectors:
            name = projector.projection.name
            checkpoint = checkpoints.take_over(self.database, name, OWNER)
            advanced = projector.advance(checkpoint)
            while not advanced.caught_up:
                advanced = projector.advance(advanced.checkpoint)
        repository = Repository(self.database)
        with self.database.connect(Role.PROJECTOR) as connection:
            for number in range(0, TOYS, 2):
                toy = repository.load(Toy, f"toy-{number}")
                if toy.version:
                    snapshots.save(connection, toy)
        self.log.unlink(missing_ok=True)
        reader = Reader(EventStore(self.database), self.log)
        reader.stopping = True
        reader.follow()

    @property
    def log(self) -> Path:
        return self.folder / "reader.log"

    @property
    def evidence(self) -> Evidence:
        return Evidence(
            database=self.database,
            redis=self.redis,
            entries=read(self.folder),
            seen=self.log,
            random=Random(self.seed),  # noqa: S311 - cuts to look at
            pause=0.0,
        )
