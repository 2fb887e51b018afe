"""The beat speaks in names; a name that nobody answers to would fail only at run time, unseen."""

from importlib import import_module

from beat_schedule import HABITS


def registered_tasks() -> set[str]:
    """Import the application late: it reads the settings, which collecting tests should not."""
    app = import_module("workers.app").app
    app.loader.import_default_modules()
    app.finalize()
    return set(app.tasks)


def test_every_task_of_the_beat_schedule_is_registered() -> None:
    wanted = {task for task, _argument, _seconds in HABITS}

    assert wanted
    assert wanted - registered_tasks() == set()


def test_no_habit_stands_in_the_table_twice() -> None:
    habits = [(task, argument) for task, argument, _seconds in HABITS]

    assert len(habits) == len(set(habits))
