"""What the house promises about itself: its targets, its pages, its lock."""

import re

from tests.architecture.source import ROOT, documents, requirements

# In backticks, or a line of its own: prose, too, may make a line begin like this one.
MAKE_IN_CODE = re.compile(
    r"(?:`|^[ $]*(?=make [a-z]+(?: +#| +[A-Z]+=|$)))make ([a-z]+)", re.MULTILINE
)
LOCKED = re.compile(r"^([a-z0-9-]+)==", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def test_every_make_target_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    missing = {
        (page.name, target)
        for page in documents()
        for target in MAKE_IN_CODE.findall(page.read_text())
        if target not in targets
    }

    assert missing == set()


def test_every_link_between_documents_leads_somewhere() -> None:
    broken = {
        (page.name, link)
        for page in documents()
        for link in LINK.findall(page.read_text())
        if not (page.parent / link).exists()
    }

    assert broken == set()


def test_every_dependency_is_locked() -> None:
    locked = set(LOCKED.findall((ROOT / "requirements.lock").read_text()))

    assert requirements("dependencies", "dev") - locked == set()


def test_the_lock_says_what_to_install_and_never_from_where() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    strangers = [line for line in lines if not re.match(r"[a-z0-9-]+==|    --hash=sha256:", line)]

    assert strangers == []
