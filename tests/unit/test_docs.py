"""The documentation: links work, pictures exist, and each page opens with the question it answers."""

import re

import pytest
from helpers import REPO

PAGES = [REPO / "README.md", REPO / "CONTRIBUTING.md", REPO / "CHANGELOG.md", *sorted((REPO / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


def anchors(page) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target, anchor in LINK.findall(page.read_text()):
        file = page.parent / target if target else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}"


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name == "docs"], ids=lambda page: page.name)
def test_a_page_opens_with_the_question_it_answers(page):
    first = page.read_text().splitlines()[0]
    assert first.startswith("# ") and first.endswith("?")


def test_every_picture_is_shown():
    shown = "".join(page.read_text() for page in PAGES)
    for picture in (REPO / "docs" / "pictures").iterdir():
        assert f"pictures/{picture.name})" in shown, picture.name


def test_the_readme_is_short():
    assert len((REPO / "README.md").read_text().splitlines()) <= 150
