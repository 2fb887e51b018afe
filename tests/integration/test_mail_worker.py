"""From a command to a mail, by a real worker."""

from uuid import uuid4

from domain.users import CreateUser
from tests.fleets import TestFleet
from tests.integration.mailing import mailing
from tests.integration.postbox import postbox
from tests.polling import eventually
from workers.delivering import delivering
from workers.submitting import submit


def test_who_is_created_by_a_command_is_welcomed(worked: TestFleet) -> None:
    id = f"kim-{uuid4().hex[:8]}"
    with postbox() as box:
        post = mailing(worked, box)
        submit(CreateUser(user_id=id, username="Kim", email="kim@example.org"))

        def welcomed() -> bool:
            delivering.ring(post.name)  # no beat comes by here
            return post.statuses() == ["delivered"]

        eventually(welcomed, 20)

    assert [mail.recipients for mail in box.mails] == [["kim@example.org"]]
    assert id in box.mails[0].text
