"""``fairveil.certify``: the public certificate of a release; it only wires.

Public: a fitted model and a file of synthetic rows. No table of real rows is ever an
argument; a file that cannot be a release of the model is refused, without a word on
what is in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from fairveil import __version__, _files, artifact
from fairveil._promise import fairness_promise
from fairveil._sizing import advice
from fairveil.errors import ConfigError, TableError, problem
from fairveil.privacy.book import Book, beside
from fairveil.privacy.statement import Statement
from fairveil.privacy.verify import Verification
from fairveil.publish.belongs import belongs
from fairveil.publish.certificate import Certificate, compose
from fairveil.publish.check import check
from fairveil.publish.dependence import measured
from fairveil.publish.inputs import About, Model, Output, Released
from fairveil.publish.record import CERTIFICATE, UNKNOWN, Entry, Record
from fairveil.tables.files import read_table

if TYPE_CHECKING:
    from fairveil.synthesizer import FairVeil

_CHUNK = 1 << 20


def certify(
    model: FairVeil | str | Path,
    *,
    output: str | Path | None = None,
    name: str = "",
    steward: str = "",
    purpose: str = "",
    date: str = "",
    ledger: str | Path | None = None,
    record: str | Path | None = None,
) -> Certificate:
    """The public certificate of a release.

    Args:
        model: a fitted model, or its file.
        output: the file of synthetic rows that is published; it is read and hashed.
        name: of the data set.
        steward: who answers for it.
        purpose: what it is released for.
        date: of the certificate, as ``2026-01-31``; none is printed unless given.
        ledger: the ledger file of the data set, for its totals now.
        record: file that notes internal reports and certificates of this data set; it
            is begun where it does not exist, and this certificate is noted in it.

    Returns:
        A certificate: ``.save("certificate.html")`` writes it, and its JSON beside it.

    Raises:
        ArtifactError: the file is no model.
        NotFittedError: the model is not fitted.
        TableError: the output cannot be read, or is no release of this model.
        ConfigError: a text, date, ledger or record that cannot be used.
    """
    about = About(name=name, steward=steward, purpose=purpose, date=date)
    told = described(model)
    made = None if output is None else released(output, told)
    totals = None if ledger is None else _totals(ledger, told.statement)
    choice: Mapping[str, Any] = UNKNOWN
    if record is not None:
        known = Record.load(record, missing=True)
        entry = Entry(CERTIFICATE, told.sha256, "" if made is None else made.sha256)
        choice = known.choice(entry.model, entry.output)
        known.noting(entry).save(record)
    return compose(told, made, about, version=__version__, ledger=totals, choice=choice)


def check_certificate(
    certificate: Mapping[str, Any] | str | Path,
    *,
    model: FairVeil | str | Path | None = None,
    output: str | Path | None = None,
) -> Verification:
    """Whether a certificate holds: hashes, epsilon, and all that follows from them.

    Args:
        certificate: its JSON, or the JSON file.
        model: the model it is about, if at hand, or its file.
        output: the release it is about, if at hand.

    Raises:
        ConfigError: no certificate, or one that cannot be read.
        ArtifactError, NotFittedError: no fitted model.
        TableError: the output cannot be read.
    """
    facts = certificate if isinstance(certificate, Mapping) else _read(certificate)
    return check(
        facts,
        model=None if model is None else described(model),
        output_sha256=None if output is None else _hash_of(output)[0],
    )


def described(model: FairVeil | str | Path) -> Model:
    """What a model says of itself, as plain public values.

    Raises:
        ArtifactError, NotFittedError: no fitted model.
    """
    if isinstance(model, (str, Path)):
        contents, data = artifact.load(model), _files.read_whole(model, most=1 << 30)
    else:
        contents = model._fitted()  # noqa: SLF001  (the facade keeps it for us)
        data = artifact.packed(contents)
    statement = contents.statement
    return Model(
        sha256=hashlib.sha256(data).hexdigest(),
        statement=statement,
        promise=fairness_promise(contents),
        schema=contents.bundle.codec.schema,
        released=_released(contents) if statement.private else None,
    )


def released(output: str | Path, model: Model) -> Output:
    """What a file of synthetic rows says; it is hashed, read and measured.

    Raises:
        TableError: it cannot be read, or is no release of this model.
        UnsupportedError: another kind of file.
    """
    digest, size = _hash_of(output)
    rows = read_table(output)
    if beside(output).exists() or not belongs(rows, model.schema):
        raise TableError(
            problem(
                "the output is no release of this model",
                got=str(output),
                try_="the file that 'fairveil sample' wrote, never the real table",
            )
        )
    found = ()
    if model.statement.private:
        found = measured(_typed(rows, model), tuple(model.promise["sensitive"]))
    return Output(sha256=digest, rows=len(rows), size=size, measured=found)


def _typed(rows: pd.DataFrame, model: Model) -> pd.DataFrame:
    """Numbers where the schema says numbers; all else stays text."""
    numbers = {c.name for c in model.schema.columns if c.kind == "numeric"}
    return pd.DataFrame(
        {
            name: pd.to_numeric(rows[name]) if name in numbers else rows[name]
            for name in rows.columns
        }
    )


def _released(contents: artifact.Contents) -> Released:
    bundle = contents.bundle
    columns = bundle.codec.columns
    names = [column.column.name for column in columns]
    said = advice(
        contents.settings,
        n_hat=bundle.n_hat,
        rho=contents.statement.rho_cap,
        columns=len(columns),
    )
    return Released(
        rows=bundle.n_hat,
        marginals=tuple(
            (tuple(names[j] for j in m.columns), float(m.noise_stddev))
            for m in bundle.marginals
        ),
        bins={c.column.name: len(c.bins.lows) for c in columns if c.bins is not None},
        advice=said or "",
    )


def _totals(path: str | Path, statement: Statement) -> dict[str, Any]:
    book = Book.open(path)
    own = statement.ledger.get("name")
    if own is not None and own != book.name:
        raise ConfigError(
            problem(
                "the fit was entered in a ledger of another name",
                got=book.name,
                try_=f"the ledger {own!r}",
            )
        )
    if book.unit != statement.unit:
        raise ConfigError(
            problem(
                "the ledger is of another unit than the fit",
                got=book.unit,
                try_=repr(statement.unit),
            )
        )
    totals = book.totals()
    return {
        "name": totals.name,
        "unit": totals.unit,
        "cap": {"epsilon": totals.cap.epsilon, "delta": totals.cap.delta},
        "fits": dict(totals.fits),
        "epsilon_of_all_fits": totals.epsilon,
        "epsilon_left": totals.epsilon_left,
        "within_cap": totals.within_cap,
        "head": totals.head,
    }


def _hash_of(path: str | Path) -> tuple[str, int]:
    """SHA-256 of a regular file, and its size; a pipe or a device may never end."""
    digest, size = hashlib.sha256(), -1
    try:
        if Path(path).is_file():
            with Path(path).open("rb") as file:
                size = 0
                while part := file.read(_CHUNK):
                    digest.update(part)
                    size += len(part)
    except OSError:
        size = -1
    if size < 0:
        raise TableError(
            problem(
                "the output cannot be read",
                got=str(path),
                try_="the file that 'fairveil sample' wrote",
            )
        )
    return digest.hexdigest(), size


def _read(path: str | Path) -> Any:
    what = "the certificate cannot be read"
    try:
        return _files.parse_json(_files.read_whole(path))
    except OSError:
        pass
    except ValueError:
        what = "the certificate is not JSON"
    raise ConfigError(problem(what, got=str(path), try_="its .json file"))
