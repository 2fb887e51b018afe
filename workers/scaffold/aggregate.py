"""A new aggregate's files: rendered all of them first, then written, or none at all."""

import ast
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

from workers.scaffold.names import NameRefusedError, Names

WIDTH = 100
TEMPLATES = files("workers.scaffold") / "templates"


def rendered(names: Names) -> dict[Path, str]:
    """Return the text of every file, by its path below the folder that imports start from."""
    package, words = Path(*names.package.split(".")), substitutions(names)
    texts = {
        package / "__init__.py": "package",
        package / "commands.py": "commands",
        package / "events.py": "events",
        package / f"{names.snake}.py": "aggregate",
        package / "read_model.py": "read_model",
        Path("tests", f"test_{names.snake}.py"): "test",
    }
    made = {path: Template(template(name)).substitute(words) for path, name in texts.items()}
    for path, text in made.items():
        refuse_clashes(path, text, names)
    inits = {parent / "__init__.py" for path in made for parent in path.parents[:-1]}
    return {**dict.fromkeys(sorted(inits - made.keys()), ""), **made}


def template(name: str) -> str:
    return (TEMPLATES / f"{name}.py.txt").read_text(encoding="utf-8")


def substitutions(names: Names) -> Mapping[str, str]:
    """Return what the templates leave open."""
    name, package = names.name, names.package
    commands = [f"Create{name}", f"Close{name}", f"{name}Command"]
    events = [f"{name}Created", f"{name}Closed", f"{name}Event"]
    errors = [f"{name}{why}Error" for why in ("AlreadyExists", "NotFound", "Closed")]
    modules = {
        "commands": commands,
        "events": events,
        "read_model": [f"{name}Board", f"{name}Row"],
        names.snake: [name, *errors],
    }
    public = [one for members in modules.values() for one in members]
    return {
        "name": name,
        "snake": names.snake,
        "words": names.words,
        "command_union": alias(f"{name}Command", commands[:2]),
        "event_union": alias(f"{name}Event", events[:2]),
        "aggregate_line": class_line(
            name, f"Aggregate[{name}Event, {name}Command]", f'id="{names.snake}_id"'
        ),
        "projection_line": class_line(
            f"{name}Board", "RowProjection[Entry]", f'name="{names.snake}_board"'
        ),
        "from_commands": imported(f"{package}.commands", commands),
        "from_events": imported(f"{package}.events", events),
        "from_package": imported(package, [name, *commands[:2], *events[:2], *errors]),
        "all_imports": "\n".join(
            imported(f"{package}.{module}", members) for module, members in sorted(modules.items())
        ),
        "exported": "\n".join(f'    "{one}",' for one in sorted(public, key=capitals_first)),
    }


def alias(name: str, members: Iterable[str]) -> str:
    union = " | ".join(members)
    line = f"{name}: TypeAlias = {union}"
    return line if len(line) <= WIDTH else f"{name}: TypeAlias = (\n    {union}\n)"


def class_line(name: str, *arguments: str) -> str:
    """Return one line where it fits, else three or more, as the formatter would have it."""
    together = ", ".join(arguments)
    if len(line := f"class {name}({together}):") <= WIDTH:
        return line
    apart = "".join(f"    {one},\n" for one in arguments)
    inner = f"    {together}\n"
    return f"class {name}(\n{inner if len(inner) <= WIDTH else apart}):"


def imported(module: str, members: Iterable[str]) -> str:
    line = f"from {module} import {', '.join(ordered(members))}"
    if len(line) <= WIDTH:
        return line
    lines = "".join(f"    {member},\n" for member in ordered(members))
    return f"from {module} import (\n{lines})"


def ordered(members: Iterable[str]) -> list[str]:
    """Sort as ruff sorts what is imported; it sorts `__all__` by capitals too."""
    return sorted(members, key=lambda one: (capitals_first(one)[0], one.lower()))


def capitals_first(name: str) -> tuple[bool, str]:
    return not (len(name) > 1 and name.isupper()), name


def refuse_clashes(path: Path, text: str, names: Names) -> None:
    """An aggregate called `Event` or `Table` would hide what its own files import."""
    bound: list[str] = []
    for node in ast.parse(text, str(path)).body:
        if isinstance(node, ast.ImportFrom):
            bound += (alias.name for alias in node.names)
        elif isinstance(node, ast.ClassDef):
            bound.append(node.name)
    twice = [name for name, number in Counter(bound).items() if number > 1]
    if twice:
        raise NameRefusedError(
            f"{names.name!r} would hide {twice[0]}, which its files import: choose another name"
        )
