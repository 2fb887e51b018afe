"""The shelf of toys, declared: for fleets that are to keep it beside the read models we ship."""

from tests.toy_shelf import ToyEntry, ToyShelf, shelf


class DeclaredShelf(ToyShelf, name="toy_shelf"):
    """The same fold. It cannot digest an unlucky note, and parks such a toy."""

    row = ToyEntry
    table = shelf
