"""Deactivations: how many, by day and reason."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import cast

from sqlalchemy import BigInteger, Date, String, Table
from sqlalchemy.orm import Mapped, mapped_column

from domain.users import UserDeactivated
from store.business_time import day_of
from store.projection import Key, Order, Projection, Rows
from store.read_models.mapped import ReadModel
from store.recorded import RecordedEvent

LONGEST_REASON = 200


class DeactivationsRow(ReadModel):
    """`select(DeactivationsRow)`: reasons are told apart by their first 200 characters."""

    __tablename__ = "analytics_deactivations"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    reason: Mapped[str] = mapped_column(String(LONGEST_REASON), primary_key=True)
    deactivations: Mapped[int] = mapped_column(BigInteger)


@dataclass(frozen=True, slots=True)
class DeactivationCount:
    day: date
    reason: str
    deactivations: int


class Deactivations(Projection, name="deactivations"):
    """It commutes: each event adds one to one count, whatever came before it elsewhere."""

    order = Order.COMMUTES
    aggregate_types = frozenset({"User"})
    reads_metadata = True
    tables = {DeactivationCount: cast("Table", DeactivationsRow.__table__)}  # noqa: RUF012 - a class variable

    def keys(self, event: RecordedEvent) -> Iterable[Key]:
        fact = event.event
        if isinstance(fact, UserDeactivated):
            yield (DeactivationCount, day_of(event), fact.reason[:LONGEST_REASON])

    def evolve(self, rows: Rows, event: RecordedEvent) -> Rows:
        return {key: one_more(rows, key) for key in self.keys(event)}


def one_more(rows: Rows, key: Key) -> DeactivationCount:
    _, day, reason = key
    before = rows.get(key)
    return DeactivationCount(day, reason, before.deactivations + 1 if before else 1)
