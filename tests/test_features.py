"""The list of features: each row has a page that is there and tests that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGE = (DOCS / "features.md").read_text(encoding="utf-8")
HEAD = ["feature", "how fairveil does it", "page", "tests"]
FEATURES = 54


def rows():
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.splitlines()
        if line.startswith("|") and not line.startswith("|---")
    ]
    return [row for row in cells if row != HEAD]


ROWS = {row[0]: row for row in rows()}


def heading_anchors(page):
    """The anchors that the site's Markdown gives to the headings of a page."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    names = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    plain = [re.sub(r"[^\w\s-]", "", name).strip().lower() for name in names]
    return {re.sub(r"[-\s]+", "-", name) for name in plain}


def test_no_feature_is_lost_or_stands_twice():
    assert len(rows()) == len(ROWS) == FEATURES


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_feature_has_its_page_and_its_tests(row):
    assert len(row) == len(HEAD)
    _, how, pages, tests = row
    assert how
    links = re.findall(r"\]\(([^)#]+)(?:#([^)]+))?\)", pages)
    assert links
    for page, anchor in links:
        assert (DOCS / page).is_file(), page
        assert not anchor or anchor in heading_anchors(DOCS / page), (page, anchor)
    named = re.findall(r"`([^`]+)`", tests)
    assert named
    assert ", ".join(f"`{name}`" for name in named) == tests
    for name in named:
        assert re.fullmatch(r"tests/(\w+/)?test_\w+\.py", name), name
        assert (ROOT / name).is_file(), name


def test_other_links_of_the_page_are_there():
    for page in re.findall(r"\]\(([^)#:]+)", PAGE):
        assert (DOCS / page).is_file(), page
