"""A client of the fleet as a process: submits through every door, waits for some of its answers."""

import argparse
import signal
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TypeVar

from celery.exceptions import TimeoutError as NoAnswerError
from celery.result import AsyncResult

from domain.errors import DomainError, InvalidFieldError
from tests.chaos.doors import DOORS, MANY, NEVER, Door, Knows
from tests.chaos.drawn import Draw, Drawn
from tests.chaos.history import ACCEPTED, KEPT_OUT, History, Kind, Known
from workers.app import app
from workers.errors import CommandNotDoneError

T = TypeVar("T")

REMEMBERED = 50  # the last commands, of which some are sent again
UNHEARD = 200  # the last commands whose answers may still be asked for
PATIENCE = (0.5, 4.0)  # how long an answer is waited for, in seconds
AT_ONCE = 20


class Client:
    """Does one thing after the other, and never says more than it knows."""

    def __init__(self, name: str, seed: int, out: Path) -> None:
        self._random = Random(f"{name} {seed}")  # noqa: S311 - a load, no secret
        self._draw = Draw(self._random)
        self._history = History(out, name)
        self._sent: deque[Drawn] = deque(maxlen=REMEMBERED)
        self._unheard: deque[Drawn] = deque(maxlen=UNHEARD)
        self.invoked = 0
        self.stopping = False

    def run(self, commands: int, pause: float) -> None:
        """Submit so many, unless told to stop before; what is unheard then, another asks for."""
        while self.invoked < commands and not self.stopping:
            self._turn(commands - self.invoked)
            if pause:
                time.sleep(pause)
        self._history.close()

    def _turn(self, most: int) -> None:
        chance = self._random.random()
        if chance < 0.08 and self._sent:
            self._pass(DOORS, [self._random.choice(self._sent)])
        elif chance < 0.13:
            number = min(most, self._random.randint(2, AT_ONCE))
            self._pass(MANY, [self._draw() for _ in range(number)])
        elif chance < 0.16:
            self._pass(NEVER, [self._draw()])
        else:
            self._pass(DOORS, [self._draw()])
        if self._unheard and self._random.random() < 0.5:
            self._look(self._unheard.popleft())

    def _pass(self, doors: Mapping[Door, int], drawn: Sequence[Drawn]) -> None:
        """Go through one of these doors, and write down what we know behind it."""
        door = one_of(self._random, doors)
        self.invoked += len(drawn)
        for one in drawn:
            self._history.note("invoke", known(one), door.__name__)
        try:
            learnt = door(drawn)
        except InvalidFieldError as refusal:
            # All doors but the broker's look at every field before anything is written down.
            self._note_all("refused", drawn, f"{KEPT_OUT}{refusal}")
        except Exception as error:  # noqa: BLE001 - whatever it was, it is all that we know
            self._note_all("unknown", drawn, type(error).__name__)
            self._sent.extend(drawn)
            self._unheard.extend(drawn)
        else:
            self._through(drawn, learnt)

    def _through(self, drawn: Sequence[Drawn], learnt: Knows) -> None:
        if learnt is Knows.TAKEN_BACK:
            self._note_all("refused", drawn, f"{KEPT_OUT}{learnt}")
            return
        self._note_all("unknown", drawn, ACCEPTED if learnt is Knows.ACCEPTED else learnt)
        self._sent.extend(drawn)
        if len(drawn) == 1 and self._random.random() < 0.3:
            self._wait(drawn[0], self._random.uniform(*PATIENCE))
        else:
            self._unheard.extend(drawn)

    def _note_all(self, kind: Kind, drawn: Sequence[Drawn], reason: str) -> None:
        for one in drawn:
            self._history.note(kind, known(one), reason)

    def _look(self, one: Drawn) -> None:
        """Ask once, without waiting; who has no answer yet is asked again some time later."""
        if not self._wait(one, 0.0) and not self.stopping and self._random.random() < 0.5:
            self._unheard.append(one)

    def _wait(self, one: Drawn, seconds: float) -> bool:
        """Note the answer, if there is one within so many seconds."""
        result: AsyncResult[dict[str, object]] = AsyncResult(str(one.command_id), app=app)
        try:
            answer = result.get(timeout=seconds)
        except DomainError as refusal:
            self._history.note("refused", known(one), type(refusal).__name__)
        except CommandNotDoneError as error:
            self._history.note("unknown", known(one), error.status)
        except NoAnswerError:
            return False
        except Exception as error:  # noqa: BLE001 - the database is away: we know as much as before
            self._history.note("unknown", known(one), type(error).__name__)
            return False
        else:
            self._history.note("ok", known(one), answer=answer)
        return True


def known(one: Drawn) -> Known:
    return Known(one.command_id, one.command_type, one.aggregate_id, one.fields)


def one_of(random: Random, weighted: Mapping[T, int]) -> T:
    (chosen,) = random.choices(list(weighted), list(weighted.values()))
    return chosen


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.clients", description=__doc__)
    parser.add_argument("--name", required=True, help="in the history, and part of the seed")
    parser.add_argument("--seed", type=int, required=True, help="what is submitted follows from it")
    parser.add_argument("--commands", type=int, required=True, help="how many to submit at most")
    parser.add_argument("--pause", type=float, default=0.0, help="milliseconds between two calls")
    parser.add_argument("--out", type=Path, required=True, help="the file NAME.history.jsonl")
    arguments = parser.parse_args()
    client = Client(arguments.name, arguments.seed, arguments.out)

    def stop(*_: object) -> None:
        client.stopping = True

    signal.signal(signal.SIGTERM, stop)
    client.run(arguments.commands, arguments.pause / 1000)


if __name__ == "__main__":
    main()
