"""The documentation site: it builds with no warning, and its pages know the program.

Slow parts need the environment that ``make site-tools`` makes and ``make test`` uses.
"""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TOOLS = Path(
    os.environ.get("FAIRVEIL_SITE_TOOLS") or ROOT / ".venv/site-tools/bin/python"
)
needs_tools = pytest.mark.skipif(
    not TOOLS.exists(), reason="no environment with mkdocs: make site-tools"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Every page; a broken link or anchor is an error (``strict``)."""
    folder = tmp_path_factory.mktemp("site")
    command = [TOOLS, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    silent = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    made = subprocess.run(
        command, cwd=ROOT, env=silent, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    return {
        page.relative_to(folder).as_posix(): page.read_text(encoding="utf-8")
        for page in folder.rglob("*.html")
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
