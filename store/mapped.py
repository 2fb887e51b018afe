"""For applications: read models as SQLAlchemy classes, over the tables the projections fill."""

from sqlalchemy.orm import DeclarativeBase

from store.projection import read_models


class ReadModel(DeclarativeBase):
    """Base of the mapped classes; read through them, never write."""

    metadata = read_models
