"""Planted bugs that let something out beside the mechanisms, and across the border."""

# ruff: noqa: ARG005  (a bug ignores what it is given)
from __future__ import annotations

import dataclasses
import hashlib
import shutil
import tempfile
from pathlib import Path

import detectors as by
import narwhals as nw
import numpy as np
from mutation_kit import Mutation, replace_in

import test_architecture
from fairveil import _shield, artifact, synthesizer
from fairveil.codec import Codec
from fairveil.post import finish
from fairveil.post.finish import Bundle
from fairveil.post.targets import targets_of
from fairveil.privacy.ledger import Ledger
from fairveil.private.measure import Counter
from fairveil.private.raw import RawRows
from fairveil.synthesizer import FairVeil


def remembered(patch, home, name):
    """All that a function of the product returned, in order."""
    seen: list = []
    honest = getattr(home, name)

    def keeping(*args, **more):
        seen.append(honest(*args, **more))
        return seen[-1]

    patch.setattr(home, name, keeping)
    return seen


# Rows behind the border --------------------------------------------------------------


def real_rows_to_the_gan(patch):
    codes = remembered(patch, Codec, "encode")

    def bug(self, rng):
        rows = codes[-1][rng.integers(0, len(codes[-1]), len(self.codes))]
        return np.minimum(rows, np.array(self.sizes) - 1)  # codes of the public grid

    patch.setattr(finish.Pool, "resampled", bug)


def true_targets(patch):
    """The generator is raked to the true marginals."""
    true = {}
    honest = Counter._histogram

    def histogram(self, columns):
        true[columns] = honest(self, columns)
        return true[columns]

    def targets(self):
        exact = [
            dataclasses.replace(m, counts=true[m.columns])
            if len(true[m.columns]) == len(m.counts)
            else m
            for m in self.marginals
        ]
        return targets_of(exact, self.n_hat)

    patch.setattr(Counter, "_histogram", histogram)
    patch.setattr(Bundle, "targets", property(targets))


def best_of_two(honest):
    """Two fits, of which the one nearer to the real rows is shown and charged."""

    def bug(table, facts, *, ledger, **more):
        facts_of = ("epsilon", "delta", "reserved_delta")
        spare = Ledger(**{name: getattr(ledger, name) for name in facts_of})
        tries = [honest(table, facts, ledger=one, **more) for one in (spare, ledger)]
        return min(tries, key=lambda bundle: abs(bundle.n_hat - len(table)))

    return bug


# What is kept and written ------------------------------------------------------------


def cached_histogram(honest):
    """The true counts ride along with the noisy ones."""

    def bug(self, columns, **more):
        released = honest(self, columns, **more)
        object.__setattr__(released.value, "true", self._histogram(columns))
        return released

    return bug


def tensor_in_the_file(patch):
    true = remembered(patch, Counter, "_histogram")
    honest = artifact._describe

    def bug(contents, tensors):
        facts = honest(contents, tensors)
        tensors["checkpoint/counts"] = true[-1].astype(np.float32)
        return facts

    patch.setattr(artifact, "_describe", bug)


def kept_table(honest):
    def bug(self, table, y=None, **more):
        self._table = table
        return honest(self, table, y, **more)

    return bug


# What is said ------------------------------------------------------------------------


def rows_in_progress(honest):
    def bug(table, facts, *, progress, **more):
        rows = len(table)
        return honest(
            table,
            facts,
            progress=lambda stage, done, _all: progress(stage, done, rows),
            **more,
        )

    return bug


def rows_in_the_statement(patch):
    counts = remembered(patch, RawRows, "count")
    honest = synthesizer.provenance
    patch.setattr(
        synthesizer, "provenance", lambda s: {**honest(s), "rows": counts[-1]}
    )


def quoted(honest):
    """What a library says in its error is passed on."""
    return lambda error, own: error


def hash_in_the_statement(patch):
    tables = remembered(patch, synthesizer, "open_table")
    honest = synthesizer.provenance

    def bug(schema):
        text = nw.to_native(tables[-1]).to_csv().encode()
        return {**honest(schema), "sha256": hashlib.sha256(text).hexdigest()}

    patch.setattr(synthesizer, "provenance", bug)


def distance_in_the_statement(patch):
    """A similarity to the real rows, offered as a proof of privacy."""
    codes = remembered(patch, Codec, "encode")
    honest = synthesizer.provenance

    def bug(schema):
        apart = np.abs(codes[-1][:, None] - codes[-1][None]).sum(-1)
        return {**honest(schema), "mean distance": float(apart.mean())}

    patch.setattr(synthesizer, "provenance", bug)


# The source --------------------------------------------------------------------------


def line_in(module, line):
    """A line at the end of one module, in a copy of the source."""

    def plant(patch):
        held = tempfile.TemporaryDirectory()
        root = Path(held.name) / "fairveil"
        only = shutil.ignore_patterns("*.gz", "*.json", "__pycache__")
        shutil.copytree(test_architecture.ROOT, root, ignore=only)
        with (root / module).open("a", encoding="utf-8") as file:
            file.write(f"\n\n{line}\n")
        patch.setattr(test_architecture, "ROOT", root)
        return held

    return plant


MUTATIONS = (
    Mutation(
        name="real rows to the GAN",
        pitfall="P4",
        plant=real_rows_to_the_gan,
        detector=by.replayed_fit,
    ),
    Mutation(
        name="the release is raked to true marginals",
        pitfall="P4",
        plant=true_targets,
        detector=by.replayed_fit,
    ),
    Mutation(
        name="the better of two fits, by the real rows, charged once",
        pitfall="P9",
        plant=replace_in(synthesizer, "measure_table", best_of_two),
        detector=by.replayed_fit,
    ),
    Mutation(
        name="the true histogram is kept in the model",
        pitfall="un-noised state",
        plant=replace_in(Counter, "marginal", cached_histogram),
        detector=by.replayed_fit,
    ),
    Mutation(
        name="an un-noised tensor in the model file",
        pitfall="un-noised state",
        plant=tensor_in_the_file,
        detector=by.tensors_of_the_file,
    ),
    Mutation(
        name="the model keeps its table",
        pitfall="un-noised state",
        plant=replace_in(FairVeil, "fit", kept_table),
        detector=by.memory_of_the_model,
    ),
    Mutation(
        name="the exact number of rows in progress",
        pitfall="P6",
        plant=replace_in(synthesizer, "measure_table", rows_in_progress),
        detector=by.replayed_fit,
    ),
    Mutation(
        name="the exact number of rows in the statement",
        pitfall="P6",
        plant=rows_in_the_statement,
        detector=by.words_of_the_statement,
    ),
    Mutation(
        name="an error that quotes a cell",
        pitfall="un-noised state",
        plant=replace_in(_shield, "_told", quoted),
        detector=by.words_of_a_failure,
    ),
    Mutation(
        name="a hash of the table in the statement",
        pitfall="un-noised state",
        plant=hash_in_the_statement,
        detector=by.replayed_fit,
    ),
    Mutation(
        name="a distance to the real rows in the statement",
        pitfall="P11",
        plant=distance_in_the_statement,
        detector=by.replayed_fit,
    ),
    Mutation(
        name="post-processing imports the border",
        pitfall="border",
        plant=line_in(
            "post/finish.py", "from fairveil.private.view import Sensitive  # a bug"
        ),
        detector=by.border_imports,
    ),
    Mutation(
        name="NumPy's generator beside the rows",
        pitfall="predictable noise",
        plant=line_in("private/measure.py", "noise = np.random.default_rng(0)"),
        detector=by.other_randomness,
    ),
    Mutation(
        name="the chain opens the rows",
        pitfall="border",
        plant=line_in(
            "chain.py", "def rows_of(border):\n    return border.rows.unwrap()"
        ),
        detector=by.row_access,
    ),
    Mutation(
        name="a print beside the rows",
        pitfall="un-noised loss",
        plant=line_in("private/fit_vae.py", "def tell(loss):\n    print(loss)"),
        detector=by.output_calls,
    ),
)
