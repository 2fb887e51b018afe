"""The screen of `fleetlog new aggregate`."""

from pathlib import Path

from workers.console.endings import Failure
from workers.console.ground import near
from workers.console.output import say, show, show_json
from workers.domains import load_domain
from workers.scaffold.aggregate import rendered
from workers.scaffold.names import NameRefusedError, Names, check_free, check_place, names_of
from workers.scaffold.writing import FileDiffersError, write
from workers.settings import current_settings, variable


def begin(given: str, into: Path, package: str | None, *, as_json: bool) -> None:
    """Write the files, and say what to do next; raises Failure and has written nothing."""
    load_domain()
    try:
        names = names_of(given, package)
        check_place(names.package, into)
        check_free(names)
        texts = {into / path: text for path, text in rendered(names).items()}
        written = set(write(texts))
    except (NameRefusedError, FileDiffersError) as refusal:
        raise Failure(str(refusal)) from None
    if as_json:
        show_json(document(names, texts, written))
        return
    for path in texts:
        if path in written or path.exists():
            say(f"{'+' if path in written else '='} {near(path.absolute())}")
    tell_what_next(names, into)


def document(names: Names, texts: dict[Path, str], written: set[Path]) -> dict[str, object]:
    """Return what there is now, for a program."""
    return {
        "aggregate": names.name,
        "package": names.package,
        "domain": domain_with(names),
        "files": [
            {"path": str(path.absolute()), "written": path in written}
            for path in texts
            if path.exists()
        ],
    }


def domain_with(names: Names) -> str:
    """Return what FLEETLOG_DOMAIN should be: what it names already, if anything, and this."""
    settings = current_settings()
    named = settings.domain if "domain" in settings.model_fields_set else ()
    return ",".join(dict.fromkeys((*named, names.package)))


def tell_what_next(names: Names, into: Path) -> None:
    """Say what to try, in words that work as they are."""
    show("what next:")
    if near(into.absolute()) != ".":
        show(f"  cd {near(into.absolute())}")
    show(
        f"  export {variable('domain')}={domain_with(names)}",
        f"  python -m pytest tests/test_{names.snake}.py",
        "  fleetlog up          # tables are made for it as well; with servers of your own,",
        "                       # fleetlog migrate makes them",
        f"  fleetlog submit Create{names.name} {names.snake}_id=1 title=first --wait",
    )
