"""What a mutant is: a safeguard, taken out by replacing exact pieces of text."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Edit:
    """Replace `old`, which must stand in `file` exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """
    One safeguard out, and the tests that must notice.

    `symptom` is a pattern for what these tests then say: one that is red for another reason,
    such as broken SQL, has caught nothing.
    """

    name: str
    why: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]
    symptom: str


class DoesNotApplyError(Exception):
    """The code has moved on, and the mutant with it must."""

    def __init__(self, mutant: Mutant, edit: Edit, found: int) -> None:
        super().__init__(mutant, edit, found)
        self.mutant, self.edit, self.found = mutant, edit, found

    def __str__(self) -> str:
        return (
            f"mutant {self.mutant.name}: its text stands {self.found} times in {self.edit.file}, "
            f"not once: {self.edit.old!r}"
        )


def mutated(mutant: Mutant, root: Path) -> dict[Path, str]:
    """Return the changed files with their new text; raises DoesNotApplyError."""
    texts: dict[Path, str] = {}
    for edit in mutant.edits:
        path = root / edit.file
        text = texts.get(path) or path.read_text(encoding="utf-8")
        if (found := text.count(edit.old)) != 1:
            raise DoesNotApplyError(mutant, edit, found)
        texts[path] = text.replace(edit.old, edit.new)
    return texts


def apply(mutant: Mutant, root: Path) -> None:
    for path, text in mutated(mutant, root).items():
        path.write_text(text, encoding="utf-8")
