"""Build the wheel and the source distribution, and try each as a user would.

``make package`` runs it. Each is installed into a fresh environment in a temporary
folder, away from this tree and without its lock; then the program fits, samples,
verifies and certifies a small made-up table there; with every extra it also reports,
plots and searches. The script prints one line of JSON for each with the seconds and
megabytes of the installation, and fails where a file is missing, the program fails, or
the core passes its limits.

    python tools/package.py [--python PROGRAM] [--dist FOLDER] [--kinds wheel,sdist]
"""  # noqa: INP001  (a script, not a package)

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MOST_SECONDS = 60  # told, not enforced: the line and the machine decide
MOST_MEGABYTES = 700  # of the core's files, without the bytecode that pip adds
NO_USER = "test"  # the one extra that is for work on this tree
ROWS = [f"{'fm'[i % 2]},{20 + i % 40},{i % 3 == 0}" for i in range(300)]
CSV = "\n".join(["sex,age,member", *ROWS])
SCHEMA = {
    "format": "fairveil-schema",
    "version": 1,
    "declared_by": "the packager",
    "columns": [
        {"name": "sex", "kind": "categorical", "categories": ["f", "m"]},
        {
            "name": "age",
            "kind": "numeric",
            "lower": 20.0,
            "upper": 59.0,
            "decimals": 0,
            "dtype": "int64",
        },
        {"name": "member", "kind": "boolean", "dtype": "bool"},
    ],
}
FIRST = """
import importlib.resources as r, json, sys, fairveil
from fairveil.datasets import TABLES
place = fairveil.__file__
assert "site-packages" in place, place
for name, table in TABLES.items():
    assert len(table.load()) > 1000 and table.schema().names, name
here = r.files("fairveil")
for name in ("py.typed", "privacy/statement.schema.json",
             "publish/certificate.schema.json", "publish/templates/certificate.html"):
    assert here.joinpath(name).is_file(), name
json.dump({"version": fairveil.__version__}, sys.stdout)
"""
CORE = [
    ["--version"],
    ["--help"],
    [
        *("fit", "t.csv", "--schema", "s.json", "--sensitive", "sex", "--epsilon", "3"),
        *("--fairness", "redraw", "--generator", "decoder", "-o", "m.fairveil"),
    ],
    ["sample", "m.fairveil", "-n", "500", "-o", "out.csv"],
    ["verify", "m.fairveil"],
]
WITH_EXTRAS = [
    ["certify", "m.fairveil", "--output", "out.csv", "-o", "c.html"],
    ["evaluate", "t.csv", "out.csv", "--sensitive", "sex", "--target", "member"],
    ["sample", "m.fairveil", "-n", "500", "-o", "out.parquet"],
    ["report", "t.csv", "out.csv", "m.fairveil", "--control", "c.csv", "-o", "r.html"],
    ["plot", "pairs", "r.json", "-o", "pairs.svg"],
    [
        *("frontier", "m.fairveil", "--modes", "redraw", "--search", "nsga2"),
        *("--trials", "16", "--rows", "500", "--plot", "f.svg"),
    ],
    ["studio", "--help"],
]
IMPORTED = "import duckdb, faker, matplotlib, polars, pyspark, starlette, uvicorn"


def main() -> None:
    """Build, install, try; print what it cost."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--python", default=sys.executable)
    asked.add_argument("--dist", type=Path, default=ROOT / "dist")
    asked.add_argument("--kinds", default="wheel,sdist")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="fairveil-package-") as name:
        folder = Path(name)
        built = build(given.dist.resolve(), folder / "build")
        for kind in given.kinds.split(","):
            said = tried(built[kind], folder / kind, given.python)
            sys.stdout.write(json.dumps({"kind": kind, **said}) + "\n")
            sys.stdout.flush()


def build(dist: Path, tools: Path) -> dict[str, Path]:
    """Both distributions, built by PyPA's own tool in an environment of its own."""
    venv.create(tools, with_pip=True)
    python = tools / "bin/python"
    call([python, "-m", "pip", "install", "--quiet", "build"], tools)
    for old in dist.glob("fairveil-*"):
        old.unlink()
    call([python, "-m", "build", "--outdir", dist, ROOT], tools, quiet=True)
    (wheel,), (sdist,) = dist.glob("fairveil-*.whl"), dist.glob("fairveil-*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


def tried(archive: Path, folder: Path, python: str) -> dict[str, object]:
    """What the core costs, once the program has done its work without this tree."""
    folder.mkdir()
    call([python, "-m", "venv", folder / "venv"], folder)
    own, work = folder / "venv/bin", folder / "work"
    work.mkdir()
    (work / "t.csv").write_text(CSV + "\n", encoding="utf-8")
    (work / "c.csv").write_text(CSV + "\n", encoding="utf-8")
    (work / "s.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    pip = [own / "python", "-m", "pip", "install", "--quiet"]
    (before, _), began, own_time = megabytes(folder), time.monotonic(), busy()
    call([*pip, archive], work)
    seconds, worked = time.monotonic() - began, busy() - own_time
    size, bytecode = megabytes(folder)
    told = json.loads(call([own / "python", "-I", "-c", FIRST], work))
    for words in CORE:
        call([own / "fairveil", *words], work, quiet=True)
    call([*pip, f"{archive}[{extras()}]"], work)
    call([own / "python", "-I", "-c", IMPORTED], work)
    more, more_bytecode = megabytes(folder)
    for words in WITH_EXTRAS:
        call([own / "fairveil", *words], work, quiet=True)
    if size - before > MOST_MEGABYTES:
        raise SystemExit(f"the core has {size - before} MB; {MOST_MEGABYTES} may be")
    if seconds > MOST_SECONDS:
        sys.stderr.write(f"the core took {seconds:.0f} s to install: a slow line?\n")
    version = "import platform; print(platform.python_version())"
    return {
        **told,
        "python": call([own / "python", "-c", version], work).strip(),
        "machine": f"{platform.system()} {platform.machine()}",
        "archive_kilobytes": archive.stat().st_size // 1000,
        "core_seconds": round(seconds),
        "core_processor_seconds": round(worked),
        "core_megabytes": size - before,
        "core_bytecode_megabytes": bytecode,
        "with_extras_megabytes": more - before,
        "with_extras_bytecode_megabytes": more_bytecode,
    }


def extras() -> str:
    """Every extra that a user may want, with commas between them."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return ",".join(sorted({*told["project"]["optional-dependencies"]} - {NO_USER}))


def busy() -> float:
    """Processor time of all programs that were run and have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def call(command: list[object], where: Path, *, quiet: bool = False) -> str:
    """Run a program in a folder, with nothing of this tree in its environment."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(  # noqa: S603  (commands of this file)
        [str(word) for word in command],
        cwd=where,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if quiet else None,
        text=True,
        check=False,
    )
    if done.returncode:
        said = f"{done.stdout}{done.stderr or ''}"[-3000:]
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{said}")
    return done.stdout


def megabytes(folder: Path) -> tuple[int, int]:
    """Size of a folder's files, and of the bytecode beside them, in 10**6 bytes."""
    sizes = {True: 0, False: 0}
    for path in folder.rglob("*"):
        if path.is_file():
            sizes[path.suffix == ".pyc"] += path.stat().st_size
    return sizes[False] // 1_000_000, sizes[True] // 1_000_000


if __name__ == "__main__":
    main()
