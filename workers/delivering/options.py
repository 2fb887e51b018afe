"""What channels are told beside their endpoint: typed, and refused by name where it is wrong."""

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from store.subscriptions import ATTEMPTS, PARALLEL, InvalidSubscriptionError, Subscription

O = TypeVar("O", bound="Options")  # noqa: E741 - options


def a_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("must be the path of a file that can be read here")
    return path


def one_line(text: str) -> str:
    if not text or not text.isprintable():
        raise ValueError("must be one line of printable text")
    return text


def a_folder(path: Path) -> Path:
    if not path.is_dir():
        raise ValueError("must be the path of a folder that can be read here")
    return path


ReadableFile = Annotated[Path, AfterValidator(a_file)]
ReadableFolder = Annotated[Path, AfterValidator(a_folder)]
Line = Annotated[str, AfterValidator(one_line)]


class Options(BaseModel):
    """What every channel takes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    attempts: int = ATTEMPTS[1]
    parallel: int = PARALLEL[1]


class ServerOptions(Options):
    """What a channel takes that talks to a server of its own kind."""

    timeout: float = Field(default=5.0, gt=0, le=10)
    """How long one answer may take."""
    ca_file: ReadableFile | None = None
    """Certificates to trust instead of the system's, as of a company's own authority."""
    allow_plaintext: bool = False
    """Whether the way to another machine may be open for everybody to read."""


def options_of(model: type[O], subscription: Subscription) -> O:
    """Return the options of a subscription; raises InvalidSubscriptionError."""
    try:
        return model.model_validate(subscription.options)
    except ValidationError as error:
        # Without the cause: its text quotes what was given.
        raise invalid(model, error.errors(include_input=False)[0]) from None


def invalid(model: type[Options], problem: ErrorDetails) -> InvalidSubscriptionError:
    field = f"options.{'.'.join(map(str, problem['loc']))}".rstrip(".")
    if problem["type"] == "extra_forbidden":
        known = ", ".join(model.model_fields)
        return InvalidSubscriptionError(field, f"is no option here; there are {known}")
    if problem["type"] == "missing":
        return InvalidSubscriptionError(field, "must be given")
    rule = problem["msg"].removeprefix("Value error, ").removeprefix("Input should ")
    return InvalidSubscriptionError(field, rule if rule.startswith("must ") else f"must {rule}")
