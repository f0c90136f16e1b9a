"""``FairVeil``: fit on a real table, sample synthetic rows. The facade; it only wires.

Secret: the table passed to ``fit``, which is not kept. Public: everything that a fitted
model holds.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from fairveil import _checkpoint, _release, artifact, config
from fairveil._parameters import Parameters
from fairveil._promise import fairness_promise
from fairveil._rows import Rows
from fairveil._shield import guarded
from fairveil._sizing import advice
from fairveil._spending import opened
from fairveil._wishes import (
    check_wishes,
    discovers,
    provenance,
    public_facts,
    recalled,
    schema_of,
    settings_of,
    wish_of,
)
from fairveil.chain import measure_table
from fairveil.errors import NotFittedError, problem
from fairveil.privacy.noise import NoiseSource
from fairveil.privacy.statement import FAIRNESS, Statement
from fairveil.schema import Schema
from fairveil.tables import entry
from fairveil.tables.entry import open_table
from fairveil.tables.frames import check_columns, read_by

if TYPE_CHECKING:
    from fairveil.frontier import Frontier
    from fairveil.private.link import Link
    from fairveil.publish.certificate import Certificate

Progress = Callable[[str, int, int], None]


def _quiet(_stage: str, _done: int, _total: int) -> None:
    return


class FairVeil(Rows, Parameters):
    """A fair, differentially private synthesizer of tables.

    Args:
        epsilon, delta: privacy budget of one ``fit``; ``epsilon=float("inf")`` is the
            only way to switch privacy off, and is stamped on everything.
        sensitive: columns that the release must not betray; empty means none.
        fairness: None, ``"redraw"`` (the trivial baseline), ``"independence"``, or
            ``"outcome"``: the target says nothing of the sensitive columns.
        target, strength: the column that ``"outcome"`` is about; of a promise, 0 to 1.
        legitimate: columns through which dependence on the sensitive ones is allowed.
        blind: for ``"outcome"``: part of the gap that goes, too, for models that do
            not see the sensitive columns, 0 to 1; dear towards 1.
        proxies: for ``"redraw"`` and ``"independence"``: how far columns that name a
            group are loosened from the others, 0 to 1: clusters sort people less by it.
        shares: of the groups, for those two modes: ``"kept"``, ``"equal"``, or wanted
            ones, ``{"sex": {"Female": 0.5}}``.
        schema: public facts of the columns; None: they are found under the budget.
        discover, discovery_share: whether to measure what the schema leaves open, facts
            copied from the data included (None: where there is no schema; False: what
            is missing is refused), and the part of the budget for it, at most .5.
        personal_data: ``"refuse"``, ``"replace"`` or ``"allow"`` what is named like it.
        public_dtypes: the caller states that the frame's dtypes are public, chosen
            without looking at the rows (NumPy's say that no value is missing).
        unit, max_rows_per_unit: column of a person, not synthesised; rows of each used.
        leave_out: columns that are not read, and that a release does not have.
        ledger: a ledger file over several fits of one data set (``fairveil ledger
            cap`` makes it); a fit that would pass its cap is refused.
        group_budget: part of the marginals' budget, at most .9, for pairs with a
            sensitive column, so that small groups are not drowned.
        generator: ``"wgan"``, or ``"decoder"`` as an ablation.
        preset: None; or ``"paper"`` for the paper's sizes; or constants of your own, a
            ``fairveil.config.Fit``: public, so never chosen by looking at the table.
        random_state: seeds post-processing and sampling only, never privacy noise.
        insecure_noise_seed: makes a debugging fit that is stamped NOT PRIVATE.

    Attributes:
        statement_: the privacy that was promised and spent; of the fit, so the same
            for all its releases.
        promise_: the fairness that this release promises.
        schema_: public facts of the columns.
        feature_names_in_, n_features_in_: columns of a release, which are those of the
            table, without those of ``unit`` and ``leave_out``.
    """

    def __init__(  # noqa: PLR0913  (the public settings, all by keyword)
        self,
        *,
        epsilon: float = 1.0,
        delta: float = 1e-5,
        sensitive: Sequence[str] = (),
        fairness: str | None = "independence",
        target: str | None = None,
        strength: float = 1.0,
        legitimate: Sequence[str] = (),
        blind: float = config.BLIND,
        proxies: float = 0.0,
        shares: str | Mapping[str, Mapping[str, float]] = "kept",
        schema: Schema | None = None,
        discover: bool | None = None,
        discovery_share: float = 0.1,
        personal_data: str = "refuse",
        public_dtypes: bool = False,
        unit: str | None = None,
        max_rows_per_unit: int = 1,
        leave_out: Sequence[str] = (),
        ledger: str | Path | None = None,
        group_budget: float = 0.0,
        generator: str = "wgan",
        preset: str | config.Fit | None = None,
        random_state: int | None = None,
        insecure_noise_seed: int | None = None,
    ) -> None:
        self.epsilon = epsilon
        self.delta = delta
        self.sensitive = sensitive
        self.fairness = fairness
        self.target = target
        self.strength = strength
        self.legitimate = legitimate
        self.blind = blind
        self.proxies = proxies
        self.shares = shares
        self.schema = schema
        self.discover = discover
        self.discovery_share = discovery_share
        self.personal_data = personal_data
        self.public_dtypes = public_dtypes
        self.unit = unit
        self.max_rows_per_unit = max_rows_per_unit
        self.leave_out = leave_out
        self.ledger = ledger
        self.group_budget = group_budget
        self.generator = generator
        self.preset = preset
        self.random_state = random_state
        self.insecure_noise_seed = insecure_noise_seed

    @guarded
    def fit(
        self,
        X: Any,  # noqa: N803  (scikit-learn)
        y: Any = None,
        *,
        progress: Progress = _quiet,
        checkpoint: str | Path | None = None,
        link: Link | None = None,
    ) -> Self:
        """Spend the budget on a table and train everything on what was released.

        Args:
            X: a table of any form that ``tables.entry`` knows, or a function that reads
                one, called when the budget is reserved. It has the schema's columns
                (and those of ``unit`` and ``leave_out``); names and form are public.
            y: ignored; no label is needed.
            progress: called with (stage, steps done, steps).
            checkpoint: a new file for what the budget has bought, written when all of
                it is spent; if this process dies later, ``resume`` goes on from it.
            link: to other processes that hold more rows; ``fairveil.hosts`` gives it.

        Raises:
            ConfigError: a setting is impossible, or the checkpoint exists.
            SchemaError: facts are missing or copied from the data, and may not be
                measured.
            TableError: not a frame, or its columns are not the schema's.
            TooFewRowsError: too small for discovery; only the row count was paid for.
            BudgetError: the ledger file has no room for the fit.
        """
        del y
        check_wishes(self)
        _checkpoint.check(checkpoint)
        settings, discovering = settings_of(self), discovers(self)
        if discovering:
            split = settings.split.with_discovery(self.discovery_share)
            settings = dataclasses.replace(settings, split=split)
        wish = wish_of(self)
        seeded = self.insecure_noise_seed
        noise = NoiseSource.secure() if seeded is None else NoiseSource.insecure(seeded)
        with opened(
            epsilon=self.epsilon,
            delta=self.delta,
            reserved_delta=config.reserved_delta(
                self.delta, discovering=discovering or self.ledger is not None
            ),
            unit=self.unit or "row",
            path=self.ledger,
            seeded=seeded is not None,
        ) as budget:
            private = math.isfinite(self.epsilon)
            table = open_table(read_by(X) if callable(X) else X, private=private)
            table = entry.without(table, self.leave_out)
            seen = entry.shown(table, private=private)
            facts = public_facts(self, seen, declared=entry.declares(table))
            check_columns(seen, facts, unit=self.unit)
            bundle = measure_table(
                table,
                facts,
                settings=settings,
                groups=wish.sensitive,
                ledger=budget.ledger,
                noise=noise,
                unit=self.unit,
                max_rows_per_unit=self.max_rows_per_unit,
                progress=progress,
                link=link,
            )
        bundle = bundle.declared(schema_of(self), protected=seeded is None)
        statement = budget.ledger.statement(
            insecure_noise=seeded is not None,
            unit=self.unit or "row",
            max_rows_per_unit=self.max_rows_per_unit if self.unit else 1,
            provenance=provenance(bundle.codec.schema),
            fairness=FAIRNESS,
            ledger=budget.totals(),
        )
        kind, seed = entry.kind_of(table), self.random_state
        part = _checkpoint.Part(bundle, settings, statement, wish, seed, kind)
        _checkpoint.keep(checkpoint, part)
        return self._finish(part, progress)

    @classmethod
    def resume(cls, path: str | Path, *, progress: Progress = _quiet) -> FairVeil:
        """Finish a fit from its checkpoint: nothing is spent, and no row is needed.

        Args:
            path: what ``fit(..., checkpoint=path)`` has written; it is left there.
            progress: as in ``fit``.

        Raises:
            ArtifactError: not a readable checkpoint.
            ConfigError: as ``fit``, where the promise turns out impossible.
        """
        part = _checkpoint.load(path)
        facts = recalled(part.wish, part.statement, part.bundle.codec.schema)
        model = cls(**facts, random_state=part.random_state)
        return model._finish(part, progress)

    def _finish(self, part: _checkpoint.Part, progress: Progress) -> Self:
        contents, refused = _release.first(
            part.bundle,
            part.wish,
            settings=part.settings,
            statement=part.statement,
            random_state=part.random_state,
            progress=progress,
        )
        self._hold(dataclasses.replace(contents, frame=part.frame))
        if refused is not None:
            raise refused
        return self

    def refine(  # noqa: PLR0913  (the settings of a release, all by keyword)
        self,
        *,
        fairness: str | None = "independence",
        sensitive: Sequence[str] | None = None,
        strength: float = 1.0,
        target: str | None = None,
        legitimate: Sequence[str] = (),
        blind: float = config.BLIND,
        proxies: float = 0.0,
        shares: str | Mapping[str, Mapping[str, float]] = "kept",
        clusters: int | None = None,
        gan: config.GanTraining | None = None,
        generator: str = "wgan",
        random_state: int | None = None,
        progress: Progress = _quiet,
    ) -> FairVeil:
        """Another release of the same fit, at no privacy cost (post-processing).

        A trained generator is kept where neither release is of ``"independence"``: the
        other promises are made of its rows.

        Args:
            fairness, strength, target, legitimate, blind: as in the constructor.
            proxies, shares, generator, random_state: likewise.
            sensitive: None keeps the columns named before.
            clusters: so many clusters, by merging released ones; None keeps them.
            gan: constants of the generator's training; None keeps them.
            progress: as in ``fit``.

        Returns:
            A new fitted model; its privacy statement is the very same.

        Raises:
            ConfigError, SchemaError: as ``fit``.
            NotFittedError: before ``fit``.
        """
        contents = self._fitted()
        wanted = {
            "fairness": fairness,
            "sensitive": contents.wish.sensitive if sensitive is None else sensitive,
            "strength": strength,
            "target": target,
            "legitimate": legitimate,
            "blind": blind,
            "proxies": proxies,
            "shares": shares,
            "generator": generator,
            "random_state": random_state,
        }
        other = type(self)(**{**self.get_params(), **wanted})
        check_wishes(other)
        return other._hold(  # noqa: SLF001  (its own class)
            _release.another(
                contents,
                wish_of(other),
                clusters=clusters,
                gan=gan,
                random_state=random_state,
                progress=progress,
            )
        )

    def frontier(self, **wishes: Any) -> Frontier:
        """Many releases of this fit, ranked; see ``fairveil.frontier.frontier``."""
        from fairveil.frontier import frontier  # noqa: PLC0415  (it refines models)

        return frontier(self, **wishes)

    def certificate(self, **about: Any) -> Certificate:
        """The public certificate of a release; see ``fairveil.certify``."""
        from fairveil.certificate import certify  # noqa: PLC0415  (seldom needed)

        return certify(self, **about)

    @property
    def advice_(self) -> str | None:
        """A sentence where the table is small for its budget; None elsewhere.

        Says how large the noise of a count is beside the table. It hangs on the noisy
        row count and public facts alone.
        """
        contents = self._fitted()
        return advice(
            contents.settings,
            n_hat=contents.bundle.n_hat,
            rho=contents.statement.rho_cap,
            columns=len(contents.bundle.codec.columns),
        )

    def save(self, path: str | Path) -> None:
        """Write the model file: JSON and safetensors in a zip, no pickle."""
        artifact.save(path, self._fitted())

    @classmethod
    def load(cls, path: str | Path) -> FairVeil:
        """Read a model file; it samples and refines without the data.

        Raises:
            ArtifactError: not a readable model file.
        """
        contents = artifact.load(path)
        schema = contents.bundle.codec.schema
        model = cls(**recalled(contents.wish, contents.statement, schema))
        return model._hold(contents)

    def _hold(self, contents: artifact.Contents) -> Self:
        self._contents = contents
        self.statement_: Statement = contents.statement
        self.promise_: dict[str, Any] = fairness_promise(contents)
        self.schema_: Schema = contents.bundle.codec.schema
        return self

    def _fitted(self) -> artifact.Contents:
        contents = self.__dict__.get("_contents")
        if contents is None:
            raise NotFittedError(
                problem("this model is not fitted", try_="model.fit(table)")
            )
        return contents

    def __repr__(self) -> str:
        fitted = self.__dict__.get("_contents")
        if fitted is None:
            private = math.isfinite(self.epsilon) and self.insecure_noise_seed is None
            epsilon, delta, state = self.epsilon, self.delta, "not fitted"
        else:  # what was done counts, not what a setting says since
            private = fitted.statement.private
            epsilon, delta = fitted.statement.epsilon, fitted.statement.delta
            state = "fitted"
        return (
            f"{'' if private else 'NOT PRIVATE: '}FairVeil(epsilon={epsilon}, "
            f"delta={delta}, sensitive={list(self.sensitive)}, "
            f"fairness={self.fairness!r}) <{state}>"
        )
