"""The documentation site: it builds with no warning, and its pages know the program.

Slow parts need the environment that ``make site-tools`` makes and ``make test`` uses.
"""

import importlib
import os
import re
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TOOLS = Path(
    os.environ.get("FAIRVEIL_SITE_TOOLS") or ROOT / ".venv/site-tools/bin/python"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_tools = pytest.mark.skipif(
    not TOOLS.exists(), reason="no environment with mkdocs: make site-tools"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of all pages; a broken link or anchor is an error (``strict``)."""
    folder = tmp_path_factory.mktemp("site")
    command = [TOOLS, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    silent = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    made = subprocess.run(
        command, cwd=ROOT, env=silent, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def site(built):
    """The text of every page by its path."""
    return {
        page.relative_to(built).as_posix(): page.read_text(encoding="utf-8")
        for page in built.rglob("*.html")
    }


@needs_tools
def test_the_site_builds_and_no_page_loads_anything_from_elsewhere(site):
    assert len(site) > 30
    for name, text in site.items():
        loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", text)
        foreign = [tag for tag in loaded if re.search(r"=\"(https?:)?//", tag)]
        assert foreign == [], name


@needs_tools
def test_the_reference_has_signatures_errors_and_inherited_methods(site):
    page = site["reference/fairveil.html"]
    for anchor in ("FairVeil", "FairVeil.fit", "FairVeil.sample", "Schema.infer"):
        assert f'id="fairveil.{anchor}"' in page, anchor
    assert "NotFittedError" in page


@needs_tools
@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_a_page_with_code_and_tables_is_accessible(built, scheme, width):
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright")
    axe = pytest.importorskip("axe_playwright_python", reason="no axe-core")
    rules = (resources.files(axe) / "axe.min.js").read_text(encoding="utf-8")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        page.goto((built / "start.html").as_uri())
        page.wait_for_selector("nav.md-code__nav[role=none]", state="attached")
        page.evaluate(rules)
        found = page.evaluate("axe.run(document)")["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
        boxes = page.locator("pre > code[tabindex='0']").count()
        assert (boxes > 0) is (width < 600)  # those that scroll, and no others
        browser.close()


def documented(module):
    page = DOCS / "reference" / f"{module.removeprefix('fairveil.')}.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    names = [line.removeprefix("::: ") for line in lines if line.startswith("::: ")]
    assert len(set(names)) == len(names)
    return {name.removeprefix(f"{module}.") for name in names}


@pytest.mark.parametrize("name", ["fairveil", "fairveil.evaluate", "fairveil.datasets"])
def test_the_reference_has_every_public_name(name):
    public = set(importlib.import_module(name).__all__) - {"__version__"}
    assert documented(name) == public


def test_the_reference_has_every_error():
    errors = importlib.import_module("fairveil.errors")
    names = {name for name, one in vars(errors).items() if isinstance(one, type)}
    assert documented("fairveil.errors") == names


def test_what_the_reference_of_publish_names_exists():
    for name in documented("fairveil.publish"):
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(f"fairveil.publish.{module}"), attribute)


def test_the_command_line_page_is_what_the_program_says():
    script = ROOT / "tools" / "cli_reference.py"
    made = subprocess.run([sys.executable, script, "--check"], check=False)
    assert made.returncode == 0, "out of date: make cli-page"
