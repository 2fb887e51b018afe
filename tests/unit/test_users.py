"""The rules of a user."""

import pickle

import pytest

from domain.errors import DomainError, InvalidFieldError
from domain.testing import Scenario
from domain.upcasting import upcast
from domain.users import (
    ChangeUserEmail,
    ChangeUserPassword,
    CreateUser,
    DeactivateUser,
    ReactivateUser,
    User,
    UserAlreadyExistsError,
    UserCreated,
    UserDeactivated,
    UserDeactivatedError,
    UserEmailChanged,
    UserIsActiveError,
    UserNotFoundError,
    UserPasswordChanged,
    UserReactivated,
)

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"
create = CreateUser(user_id="42", username="ada", email="ada@example.org")
created = UserCreated(user_id="42", username="ada", email="ada@example.org")
deactivated = UserDeactivated(reason="asked to leave")


def test_a_user_is_created_with_what_the_command_says() -> None:
    Scenario(User).when(create).then(created)


def test_a_user_is_created_only_once() -> None:
    Scenario(User).given(created).when(create).refused(UserAlreadyExistsError, saying="42")


def test_a_deactivated_user_cannot_be_created_again() -> None:
    Scenario(User).given(created, deactivated).when(create).refused(UserAlreadyExistsError)


def test_an_active_user_changes_their_address() -> None:
    Scenario(User).given(created).when(
        ChangeUserEmail(user_id="42", new_email="ada@lovelace.example")
    ).then(UserEmailChanged(new_email="ada@lovelace.example"))


def test_an_address_that_stays_the_same_is_no_event() -> None:
    Scenario(User).given(created).when(
        ChangeUserEmail(user_id="42", new_email="ada@example.org")
    ).then()


def test_an_active_user_changes_their_password() -> None:
    Scenario(User).given(created).when(ChangeUserPassword(user_id="42", password_hash=HASH)).then(
        UserPasswordChanged(password_hash=HASH)
    )


def test_a_user_is_deactivated_with_a_reason() -> None:
    Scenario(User).given(created).when(DeactivateUser(user_id="42", reason="asked to leave")).then(
        deactivated
    )


def test_a_deactivated_user_cannot_be_deactivated_again() -> None:
    Scenario(User).given(created, deactivated).when(
        DeactivateUser(user_id="42", reason="once more")
    ).refused(UserDeactivatedError, saying="reactivate it first")


@pytest.mark.parametrize(
    "change",
    [
        ChangeUserEmail(user_id="42", new_email="new@example.org"),
        ChangeUserPassword(user_id="42", password_hash=HASH),
    ],
    ids=lambda command: command.command_type,
)
def test_a_deactivated_user_cannot_be_changed(
    change: ChangeUserEmail | ChangeUserPassword,
) -> None:
    Scenario(User).given(created, deactivated).when(change).refused(UserDeactivatedError)


def test_a_reactivated_user_can_be_changed_again() -> None:
    Scenario(User).given(created, deactivated).when(
        ReactivateUser(user_id="42"), ChangeUserEmail(user_id="42", new_email="b@example.org")
    ).then(UserReactivated(), UserEmailChanged(new_email="b@example.org"))


def test_an_active_user_cannot_be_reactivated() -> None:
    Scenario(User).given(created).when(ReactivateUser(user_id="42")).refused(UserIsActiveError)


@pytest.mark.parametrize(
    "command",
    [
        ChangeUserEmail(user_id="42", new_email="new@example.org"),
        ChangeUserPassword(user_id="42", password_hash=HASH),
        DeactivateUser(user_id="42", reason="never seen"),
        ReactivateUser(user_id="42"),
    ],
    ids=lambda command: command.command_type,
)
def test_nothing_can_be_asked_of_a_user_who_was_never_created(
    command: ChangeUserEmail | ChangeUserPassword | DeactivateUser | ReactivateUser,
) -> None:
    Scenario(User).when(command).refused(UserNotFoundError, saying="42")


@pytest.mark.parametrize("username", ["", "  ", "\t\n"])
def test_an_empty_username_is_refused_by_its_name(username: str) -> None:
    with pytest.raises(InvalidFieldError, match=r"CreateUser\.username must not be empty"):
        CreateUser(user_id="42", username=username, email="ada@example.org")


def test_an_empty_user_id_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidFieldError, match=r"CreateUser\.user_id"):
        CreateUser(user_id=" ", username="ada", email="ada@example.org")


MALFORMED = ["", "ada", "@example.org", "ada@", "ada@example", "a da@example.org", "ada@example.",
             "ada@two@example.org", "ada@example.org\n", "ada@" + "x" * 250 + ".org"]  # fmt: skip


@pytest.mark.parametrize("email", MALFORMED)
def test_a_malformed_address_is_refused_without_being_repeated(email: str) -> None:
    with pytest.raises(InvalidFieldError) as creation:
        CreateUser(user_id="42", username="ada", email=email)
    with pytest.raises(InvalidFieldError) as change:
        ChangeUserEmail(user_id="42", new_email=email)

    assert str(creation.value) == "CreateUser.email must look like name@example.org"
    assert str(change.value) == "ChangeUserEmail.new_email must look like name@example.org"


@pytest.mark.parametrize("password", ["", "correct horse battery staple", "$", "$1$", "$A$hash"])
def test_a_password_in_plain_words_is_refused_without_being_repeated(password: str) -> None:
    with pytest.raises(InvalidFieldError) as refusal:
        ChangeUserPassword(user_id="42", password_hash=password)

    assert refusal.value.field == "password_hash"
    assert str(refusal.value).endswith("must be a hash such as $argon2id$..., no password")


def test_a_deactivation_needs_a_reason() -> None:
    with pytest.raises(InvalidFieldError, match=r"DeactivateUser\.reason must not be empty"):
        DeactivateUser(user_id="42", reason=" ")


def test_a_user_of_version_one_is_named_after_their_mailbox() -> None:
    old = {"user_id": "42", "email": "ada@example.org"}

    assert upcast(UserCreated, 1, old) == {**old, "username": "ada"}
    assert old == {"user_id": "42", "email": "ada@example.org"}


def test_what_was_never_asked_for_is_not_remembered() -> None:
    user = User("42").replay([created, UserPasswordChanged(password_hash=HASH)])

    assert HASH not in vars(user).values()
    assert (user.version, user.username, user.is_active) == (2, "ada", True)


@pytest.mark.parametrize(
    "error",
    [
        UserAlreadyExistsError("42"),
        UserNotFoundError("42"),
        UserDeactivatedError("42"),
        UserIsActiveError("42"),
        InvalidFieldError("CreateUser", "email", "must look like name@example.org"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_refusal_says_the_same_in_another_process(error: DomainError) -> None:
    there = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert (type(there), str(there)) == (type(error), str(error))
