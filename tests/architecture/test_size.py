"""Small enough to be read: one idea a file, one thought a function."""

from tests.architecture.source import ROOT, functions, is_migration, length, python_files

LONGEST_FILE = 300
LONGEST_FUNCTION = 40


def test_no_file_is_too_long_to_be_read_at_once() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in python_files()
        if not is_migration(path)
    }

    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_function_is_too_long_to_be_understood_at_once() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}:{function.name}": length(function)
        for path in python_files()
        if not is_migration(path)
        for function in functions(path)
    }

    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}
