"""The documentation: links work, pictures exist, and each page opens with the question it answers."""

import re

import pytest
import yaml
from helpers import REPO

from gcov.inputs.config import read_config
from gcov.inputs.schema import schema

NAMES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md")
PAGES = [*(REPO / name for name in NAMES), *sorted((REPO / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


def anchors(page) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
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


def test_the_readme_of_the_configuration_holds_true():
    """What the workflow catalog and snakedeploy show: the example is valid, and every key exists."""
    page = (REPO / "config" / "README.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    completed, _ = read_config(yaml.safe_load(example))
    known = {*completed, *completed["aois"]["queretaro"], *schema()["$defs"]["aoi"]["properties"]}
    named = re.findall(r"`(\w+):?`", page)
    assert "zones" in named and set(named) - {"EARTHDATA_TOKEN"} <= known


def test_the_workflow_catalog_finds_what_it_asks_for():
    assert "Snakemake workflow" in (REPO / "README.md").read_text()
    usage = yaml.safe_load((REPO / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment"}
    profile = yaml.safe_load((REPO / "profiles/default/config.yaml").read_text())
    assert usage["mandatory-flags"]["flags"] == f"--rerun-triggers {' '.join(profile['rerun-triggers'])}"
    assert (REPO / "workflow" / "Snakefile").is_file()
