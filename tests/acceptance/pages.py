"""A page of documentation as its reader follows it: commands, outputs, files, changes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# What differs from run to run, and how it is written while two outputs are compared.
VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"), "TIME"),
    (re.compile(r"\b\d+(?:\.\d+)? ?(?:ms|s|min)\b"), "SPAN"),
    (re.compile(r"[ \t]+"), " "),
)
DOTS = "…"


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    language: str
    text: str


@dataclass(frozen=True)
class Step:
    """A command, and what it prints; without a command it is Ctrl-C."""

    command: str | None
    output: str


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(page.read_text(encoding="utf-8"))]


def steps(block: Block) -> Iterator[Step]:
    """Yield the commands of a `console` block, each with the lines below it."""
    for part in re.split(r"^(?=\$ |\^C$)", block.text, flags=re.MULTILINE)[1:]:
        first, _, output = part.partition("\n")
        yield Step(first[2:] if first.startswith("$ ") else None, output)


def is_as_told(output: str, told: str) -> bool:
    """Whether an output is the one of the page: `…` stands for any lines, or the rest of one."""
    pattern = ""
    for line in compared(told).splitlines():
        any_lines, rest_of_line = r"(?:.*\n)*?", ".*"
        pattern += (
            any_lines
            if line == DOTS
            else re.escape(line).replace(re.escape(DOTS), rest_of_line) + r"\n"
        )
    return re.fullmatch(pattern, compared(output)) is not None


def compared(text: str) -> str:
    for varying, word in VARYING:
        text = varying.sub(word, text)
    return "".join(f"{line.strip()}\n" for line in text.splitlines())


def follow(block: Block, folder: Path) -> None:
    """Do with files what a block asks for: write one, find an excerpt in it, or change it."""
    first, _, rest = block.text.partition("\n")
    path = folder / first.removeprefix("# ").removeprefix("--- ")
    if block.language == "diff":
        path.write_text(changed(path.read_text(), rest))
    elif path.exists():
        assert rest in path.read_text(), f"the page shows another {path.name}:\n{rest}"
    else:
        path.write_text(rest)


def changed(text: str, diff: str) -> str:
    """Apply a diff without line numbers: each of its parts must fit in exactly one place."""
    for part in re.split(r"^@@\n", diff, flags=re.MULTILINE):
        lines = part.splitlines()
        before = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
        after = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
        assert text.count(before) == 1, f"{text.count(before)} places for:\n{before}\nin\n{text}"
        text = text.replace(before, after)
    return text
