"""Writing new files: nothing is overwritten, and nothing stays half written."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


class FileDiffersError(FileExistsError):
    """A file of that name is there and says something else; nothing was written."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path

    def __str__(self) -> str:
        return f"{self.path} is there already and differs: nothing was written"


def write(texts: Mapping[Path, str]) -> list[Path]:
    """
    Write the files that are missing; returns them.

    An empty `__init__.py` is only for a folder that is new. Raises FileDiffersError before
    anything is written; whatever stops it later, what was written is taken back.
    """
    missing = {path: text for path, text in texts.items() if is_missing(path, text)}
    made: list[Path] = []
    try:
        for path, text in missing.items():
            make_folders(path.parent, made)
            made.append(path)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except BaseException:
        take_back(made)
        raise
    return list(missing)


def is_missing(path: Path, text: str) -> bool:
    if not text and path.parent.exists():
        return False  # a folder of somebody's, arranged as they like it
    if not path.exists():
        return True
    if not path.is_file() or path.read_bytes() != text.encode():
        raise FileDiffersError(path)
    return False


def make_folders(folder: Path, made: list[Path]) -> None:
    for one in (*reversed(folder.parents), folder):
        if not one.exists():
            one.mkdir()
            made.append(one)


def take_back(made: list[Path]) -> None:
    for path in reversed(made):
        with suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()
