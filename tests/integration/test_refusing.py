"""A refusal is an answer, and an answer is given for a reason of the business alone."""

from uuid import uuid4

import psycopg
import pytest
from celery.exceptions import Reject

from tests.fleets import TestFleet
from workers.command_tasks import create_user
from workers.fleet import fleet


def test_a_refusal_that_cannot_be_written_down_gives_the_message_back_whole(
    idle: TestFleet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(*_: object) -> None:
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(fleet.inbox, "refuse", gone)
    create_user.push_request(id=str(uuid4()))
    try:
        with pytest.raises(Reject, match=", True"):  # to its queue, not to nowhere
            create_user.run(user_id=7)
    finally:
        create_user.pop_request()
