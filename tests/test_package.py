"""What is released: the content of both distributions, and what tells of a release.

``make package`` does the rest: it installs each and uses it.
"""

import email
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.build import build_sdist, build_wheel

import fairveil

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CORE = {  # small on purpose: what is heavy or seldom needed is an extra
    *("cryptography", "dp-accounting", "filelock", "jax", "narwhals", "numpy", "optax"),
    *("pandas", "pydantic", "rich", "safetensors", "scipy", "typer"),
}
INSTRUCTIONS = {"FROM", "LABEL", "ENV", "COPY", "RUN", "USER", "WORKDIR", "VOLUME"}
INSTRUCTIONS |= {"ENTRYPOINT", "CMD"}


def built(build, source, folder):
    """The distribution of a folder, built by the backend that its project names."""
    before = Path.cwd()
    os.chdir(source)
    try:
        return folder / build(str(folder))
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this tree."""
    made = built(build_wheel, ROOT, tmp_path_factory.mktemp("wheel"))
    with zipfile.ZipFile(made) as archive:
        yield archive


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The source distribution of this tree, unpacked elsewhere."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(built(build_sdist, ROOT, folder)) as archive:
        archive.extractall(folder, filter="data")
    return folder / f"fairveil-{fairveil.__version__}"


def files(folder):
    """Names of all files under a folder, but for bytecode."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel):
    own = {f"fairveil/{name}" for name in files(ROOT / "src/fairveil")}
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == own
    for name in ("py.typed", "datasets/adult.csv.gz", "privacy/statement.schema.json"):
        assert f"fairveil/{name}" in held
    assert any(name.startswith("fairveil/publish/templates/") for name in held)
    assert {
        "fairveil/studio/static/studio.js",
        "fairveil/studio/templates/base.html",
    } <= held


def test_the_wheel_is_small_and_for_every_machine(wheel):
    assert wheel.filename.endswith(f"fairveil-{fairveil.__version__}-py3-none-any.whl")
    assert Path(wheel.filename).stat().st_size < 2_000_000


def test_the_source_distribution_holds_every_tracked_file(unpacked):
    git = ["git", "-C", ROOT, "ls-files", "-z"]
    listed = subprocess.run(git, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout")
    tracked = {name for name in listed.stdout.split("\0") if name}
    assert tracked - files(unpacked) == set()


def test_the_wheel_of_the_source_distribution_is_that_of_the_tree(unpacked, wheel):
    """Whoever installs from source gets the same program, byte for byte."""
    again = built(build_wheel, unpacked, unpacked.parent)
    with zipfile.ZipFile(again) as other:
        assert other.namelist() == wheel.namelist()
        for name in wheel.namelist():
            assert other.read(name) == wheel.read(name), name


def test_no_table_of_a_working_folder_is_released(unpacked, tmp_path):
    """A steward's checkout holds tables and what was made of them beside the code."""
    tree = tmp_path / "tree"
    shutil.copytree(unpacked, tree)
    for name in ("table.csv", "table.csv.ledger", "report.html", "data/rows.csv"):
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text("secret", encoding="utf-8")
    with tarfile.open(built(build_sdist, tree, tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names == files(unpacked)


def test_what_the_wheel_says_of_itself(wheel):
    (head,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    said = email.message_from_bytes(wheel.read(head))
    assert said["Version"] == fairveil.__version__
    assert said["Requires-Python"] == ">=3.11"
    assert said["License-Expression"] == "Apache-2.0"
    assert len(said.get_all("License-File") or ()) == 2
    needs = [n for n in said.get_all("Requires-Dist") or () if "extra ==" not in n]
    assert {re.split(r"[<>=!~\[; ]", need)[0] for need in needs} == CORE
    extras = set(said.get_all("Provides-Extra") or ())
    assert extras >= {"bench", "engines", "eval", "fakes", "reports", "spark", "test"}
    assert "studio" in extras
    (scripts,) = (n for n in wheel.namelist() if n.endswith("entry_points.txt"))
    assert "fairveil = fairveil.cli:main" in wheel.read(scripts).decode()


def test_one_version_everywhere():
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert PROJECT["project"]["version"] == fairveil.__version__
    assert f"\nversion: {fairveil.__version__}\n" in cited
    assert f"license: {PROJECT['project']['license']}\n" in cited


def test_the_changelog_has_a_place_for_privacy():
    told = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first = told.split("\n## ")[1]
    assert "\n### Privacy\n" in first


def test_the_interpreters_that_are_promised():
    kinds = PROJECT["project"]["classifiers"]
    said = [k.rpartition(" ")[2] for k in kinds if "Python :: 3." in k]
    assert said == ["3.11", "3.12", "3.13"]
    assert sys.version_info[:2] >= (3, 11)


def test_the_container_file_names_what_is_there():
    """It cannot be built here; its instructions, sources and stages are checked."""
    text = (ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    steps = [line.split(maxsplit=1) for line in lines]
    assert {word for word, _ in steps} == INSTRUCTIONS
    copied = [rest.split()[:-1] for word, rest in steps if word == "COPY"]
    assert all((ROOT / name).exists() for names in copied for name in names)
    kept = (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines()
    assert all(f"!{name}" in kept for names in copied for name in names)
    assert ["USER", "10001"] in steps
    assert steps[-2:] == [["ENTRYPOINT", '["fairveil"]'], ["CMD", '["--help"]']]
    (extras,) = re.findall(r"whl\)\[([a-z,]+)\]", text)
    assert set(extras.split(",")) <= set(PROJECT["project"]["optional-dependencies"])
    locked = (ROOT / "requirements-test.lock").read_text(encoding="utf-8")
    for name in extras.split(","):
        for need in PROJECT["project"]["optional-dependencies"][name]:
            assert f"\n{re.split('[<>=]', need)[0]}==" in locked
