"""The checks of the suite, each ready to be run on the product as it stands.

Most come from the folders of tests where they guard the honest product every day; the
general ones of this folder are in ``replay_checks``.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest
import replay_checks
import test_book
import test_discover
import test_ledger
import test_neighbouring_tables as neighbouring
import test_noise
import test_noise_and_events as tapes
import test_poisson_steps as sampled
import test_selection
import test_sensitivity
import test_statement
import test_verify
from border_tools import (
    SHAPE,
    SIZES,
    TapeLedger,
    TapeNoise,
    big_layers,
    border_of,
    centroids_of,
    check_events_before_rows,
    check_noise_is_fresh,
    check_noise_matches_events,
    check_within,
    flat,
    gaussian_events,
    random_codes,
    rows_of,
    run_clusters,
)
from mutation_kit import Detector, detector
from order_checks import TapeJournal, check_journal_first, check_openings_are_paid
from replay_checks import Seen, check_replay, quick_fit

import test_architecture
import test_leaks as leaks
import test_privacy_end_to_end as end_to_end
import test_rounds
import test_spending
from fairveil.audit.mechanisms import audit_mechanism
from fairveil.audit.registry import MECHANISMS
from fairveil.errors import BudgetError
from fairveil.nn import vae
from fairveil.privacy import poisson
from fairveil.privacy.book import Book
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.privacy.verify import verify
from fairveil.private import cluster, discover, fit_vae as fit_vae_module
from fairveil.private.measure import Counter
from fairveil.private.step import noisy_sum
from fairveil.private.view import Border, Sensitive
from fairveil.synthesizer import FairVeil

_DRAWS, _SEED = 3_000, 11  # of an audit

# Sensitivity -------------------------------------------------------------------------


def sums_of(tables: Any, chunk_sum: Callable[..., Any]) -> list[np.ndarray]:
    """The un-noised sums over some tables."""
    out = []
    for table in tables:
        border, _tape = border_of(table, mute=True)
        out.append(flat(noisy_sum(border, chunk_sum, noise_stddev=1.0)))
    return out


@detector("sensitivity", check_within)
def gradient_sums() -> None:
    """Clipped gradient sums with and without the first, the last, one of two rows."""
    one = fit_vae_module.chunk_gradient(SHAPE, vae.VaeWeights(), 1.0)
    chunk_sum = partial(one, big_layers(5.0), centroids_of(), jax.random.key(1))
    codes, two = random_codes(40), np.array([[0, 0, 0], [2, 1, 3]], np.int32)
    for pair in ((codes, codes[:-1]), (codes, codes[1:]), (two, two[:1])):
        check_within(*sums_of(pair, chunk_sum), sensitivity=1.0)


@detector("sensitivity", check_within)
def latent_moments() -> None:
    """Counts, sums and second moments of latents, with and without a row."""
    one = cluster._chunk_moments(SHAPE, second=True)
    codes = random_codes(9)
    alone = np.array([[0, 0, 0]] * 40 + [[2, 1, 3]], np.int32)  # a row unlike the rest
    for scale in (20.0, 1.0):
        layers = big_layers(scale)
        chunk_sum = partial(one, layers, centroids_of(), jax.random.key(1))
        for pair in ((codes, codes[:-1]), (alone, alone[:-1])):
            check_within(*sums_of(pair, chunk_sum), sensitivity=3**0.5)


@detector("sensitivity", test_sensitivity.test_the_first_lloyd_step_and_its_event)
def first_lloyd_step() -> None:
    """The first noisy sums of K-Means with and without a row."""
    with pytest.MonkeyPatch.context() as patch:
        test_sensitivity.test_the_first_lloyd_step_and_its_event(patch, 0)


@detector(
    "sensitivity", test_sensitivity.test_latents_that_are_no_numbers_count_as_zero
)
def broken_latents() -> None:
    """Latents that are not numbers, or infinite."""
    for value in (np.nan, np.inf):
        test_sensitivity.test_latents_that_are_no_numbers_count_as_zero(value)


def marginal_tape(k: int = 1, *, extra: int = 0) -> tuple[np.ndarray, list[Any]]:
    """A bare marginal of 20 rows and ``extra`` equal ones, and what happened."""
    codes = np.r_[random_codes(20), [[1, 1, 1]] * extra] if extra else random_codes(20)
    border, tape = border_of(codes, k=k, mute=True)
    counter = Counter(border)
    released = counter.marginal((0, 1), rho=1e-3, stage="s", what="w")
    return released.value.counts, tape


@detector("sensitivity", check_within)
def marginal_of_rows() -> None:
    """A marginal with and without a row, against the sensitivity of its own event."""
    less, _tape = marginal_tape()
    more, tape = marginal_tape(extra=1)
    check_within(less, more, gaussian_events(tape)[0].sensitivity)


@detector("sensitivity", check_within)
def marginal_of_units() -> None:
    """A marginal with and without a unit of three rows, against its own event."""
    less, _tape = marginal_tape(3)
    more, tape = marginal_tape(3, extra=3)
    check_within(less, more, gaussian_events(tape)[0].sensitivity)


def scores(codes: np.ndarray, k: int = 1) -> tuple[np.ndarray, float]:
    """Scores of a choice, and the sensitivity that it is made with."""
    border, tape = border_of(codes, k=k, mute=True)
    certain = np.eye(SIZES[0])[0]  # the model believes in one cell
    Counter(border).select(
        [(0,)],
        {(0,): certain},
        n_hat=9,
        rho=1e-3,
        measure_rho={(0,): 1e-3},
        stage="s",
    )
    ((_label, found, sensitivity, _e),) = [
        entry for entry in tape if isinstance(entry, tuple) and entry[0] == "scores"
    ]
    return found, sensitivity


@detector("sensitivity", check_within)
def selection_scores() -> None:
    """Scores of a choice with and without a row, and with and without a unit."""
    for k in (1, 4):
        less, _most = scores(random_codes(9), k)
        more, most = scores(np.r_[random_codes(9), [[2, 0, 0]] * k].astype(np.int32), k)
        check_within(less, more, most)


@detector(
    "twin", test_selection.test_scores_are_the_error_beyond_the_noise_of_the_price
)
def scores_of_candidates() -> None:
    """Scores of candidates with different prices, added up cell by cell."""
    test_selection.test_scores_are_the_error_beyond_the_noise_of_the_price(1)


@detector(
    "sensitivity",
    test_discover.test_a_unit_moves_each_histogram_by_its_rows_and_makes_no_more_cells,
)
def discovery_histogram() -> None:
    """The histogram of a first look, with and without a row."""
    counted = []
    rows = ["a", "1", 2.5, None]
    for cells in (rows, [*rows, 3]):
        gate, _n, _tape = test_discover.gate_of(pd.DataFrame({"x": pd.Series(cells)}))
        counted.append(discover.histogram(gate.rows.cells("x"), test_discover.GAPS[0]))
    names = sorted({name for _counts, labels in counted for name in labels})
    less, more = (test_discover.vector(*one, names) for one in counted)
    check_within(less, more, 1.0)


# Noise and its events ----------------------------------------------------------------


@detector("noise tape", check_noise_matches_events)
def noise_of_counts() -> None:
    """The draws of marginals and of the row count against their events."""
    for tape in (tapes.counted(), tapes.count_tape()):
        check_noise_matches_events(tape, discrete=True)


@detector("noise tape", check_noise_matches_events)
def noise_of_networks() -> None:
    """The draws of gradient steps, centroids and moments against their events."""
    for tape in (tapes.vae_tape(), tapes.cluster_tape()):
        check_noise_matches_events(tape, discrete=False)


@detector("noise tape", tapes.test_every_gradient_step_draws_for_every_parameter)
def noise_of_every_weight() -> None:
    """The draws of four gradient steps against the shapes of all weights."""
    with pytest.MonkeyPatch.context() as patch:
        tapes.test_every_gradient_step_draws_for_every_parameter(patch)


@detector("noise tape", check_noise_is_fresh)
def fresh_noise() -> None:
    """All draws of gradient steps, centroids and moments."""
    for tape in (tapes.vae_tape(), tapes.cluster_tape()):
        check_noise_is_fresh(tape)


def check_seed_repeats_no_noise(fit: Callable[[], Any]) -> None:
    """Two fits with one ``random_state`` do not share their noise."""
    first, second = (
        np.concatenate([m.counts for m in fit()._contents.bundle.marginals[:2]])
        for _ in range(2)
    )  # sex and job: their cells are those of the schema
    assert (first != second).mean() > 0.5


@detector("noise tape", check_seed_repeats_no_noise)
def noise_of_equal_seeds() -> None:
    """Two fits of one table with the same random_state."""
    table = leaks.plain_table(60)
    check_seed_repeats_no_noise(lambda: quick_fit(table, random_state=5))


@detector("distribution", tapes.test_gradient_sums_have_the_declared_scale)
def scale_of_sums() -> None:
    """Noise on gradient sums: two thirds and one and a half of it are refused."""
    with pytest.MonkeyPatch.context() as patch:
        tapes.test_gradient_sums_have_the_declared_scale(patch)


@detector("distribution", tapes.test_marginals_have_the_declared_scale)
def scale_of_counts() -> None:
    """Noise on counts: two thirds and one and a half of it are refused."""
    tapes.test_marginals_have_the_declared_scale(1)


@detector(
    "distribution", test_noise.test_exponential_mechanism_has_the_declared_probabilities
)
def chances_of_choices() -> None:
    """The exponential mechanism against its exact probabilities."""
    test_noise.test_exponential_mechanism_has_the_declared_probabilities(
        NoiseSource.insecure(7)
    )


@detector("noise tape", test_noise.test_secure_sources_differ_and_insecure_ones_repeat)
def secure_sources() -> None:
    """Two sources under keys of the operating system."""
    test_noise.test_secure_sources_differ_and_insecure_ones_repeat()


@detector(
    "noise tape", test_noise.test_the_global_state_of_numpy_is_neither_read_nor_moved
)
def global_state() -> None:
    """NumPy's global state before and after draws of every kind."""
    test_noise.test_the_global_state_of_numpy_is_neither_read_nor_moved()


@detector("noise tape", test_noise.test_a_forked_process_takes_a_new_key)
def forked_noise() -> None:
    """A source in a forked process."""
    with pytest.MonkeyPatch.context() as patch:
        test_noise.test_a_forked_process_takes_a_new_key(patch)


@detector(
    "distribution", test_discover.test_a_lone_unit_is_shown_as_seldom_as_its_event_says
)
def lone_cells() -> None:
    """20,000 cells that one unit has alone, of which few may be shown."""
    lone = test_discover.test_a_lone_unit_is_shown_as_seldom_as_its_event_says
    lone({"a": 1}, 1)


# Order -------------------------------------------------------------------------------


@detector("order", check_events_before_rows)
def events_before_rows() -> None:
    """The first thing that happens in a count, a marginal, a choice and a step."""
    mechanisms = (tapes.count_tape, tapes.counted, tapes.selected, tapes.cluster_tape)
    for tape in mechanisms:
        check_events_before_rows(tape())


@detector("order", check_openings_are_paid)
def paid_openings() -> None:
    """Openings of rows in marginals, a choice, gradient steps and K-Means."""
    for tape in (tapes.counted, tapes.selected, tapes.vae_tape, tapes.cluster_tape):
        check_openings_are_paid(tape())


@detector("order", check_journal_first)
def journal_before_answers() -> None:
    """The journal of a ledger file whenever an answer leaves."""
    tape: list[Any] = []
    ledger = TapeLedger(epsilon=1.0, delta=1e-5, journal=TapeJournal(tape))
    ledger.tape = tape
    border = Border(rows_of(random_codes(20), tape=tape), ledger, TapeNoise.make(tape))
    counter = Counter(border)
    for columns in ((0,), (1,), (0, 1)):
        counter.marginal(columns, rho=1e-3, stage="s", what="w")
    run_clusters(border, rho=1e-3)
    check_journal_first(tape)


@detector("order", test_spending.test_what_a_ledger_cannot_hold_is_refused_first)
def refusal_before_the_table() -> None:
    """A fit without room in its ledger file, on a table that must not be read."""
    unread = test_spending.Unread({"a": [1]})
    with book_of(0.5) as book:
        model = FairVeil(schema=leaks.SCHEMA, ledger=book.path, epsilon=5.0)
        with pytest.raises(BudgetError, match="no room"):
            model.fit(unread)


@detector("order", tapes.test_overspending_is_refused_before_the_rows_are_read)
def overspending() -> None:
    """Mechanisms that ask for more than the whole budget."""
    for name in ("marginal", "selection", "mixture"):
        tapes.test_overspending_is_refused_before_the_rows_are_read(name)


# Replays -----------------------------------------------------------------------------


@detector("taint", check_replay)
def replayed_fit() -> None:
    """Whole fits, without the networks, on near and far tables."""
    replay_checks.replay_whole_fit()


@detector("taint", check_replay)
def replayed_unit_fit() -> None:
    """Whole fits by unit, with and without a unit of too many rows."""
    replay_checks.replay_whole_fit_by_unit()


@detector("taint", check_replay)
def replayed_networks() -> None:
    """VAE, centroids and mixture on near and far tables."""
    replay_checks.replay_networks()


@detector("taint", check_replay)
def replayed_teacher() -> None:
    """Warm start, VAE and mixture on near and far tables, given the model's rows."""
    replay_checks.replay_teacher()


@detector("taint", test_rounds.test_nothing_but_the_answers_depends_on_the_rows)
def replayed_rounds() -> None:
    """The rounds of selections and measurements on far tables."""
    with pytest.MonkeyPatch.context() as patch:
        test_rounds.test_nothing_but_the_answers_depends_on_the_rows(patch)


@detector("taint", check_replay)
def replayed_discovery() -> None:
    """Discovery of words, years and decimals on near and far tables."""
    replay_checks.replay_discovery()


@detector("taint", check_replay)
def replayed_discovering_fit() -> None:
    """Whole fits without a schema on near and far tables."""
    replay_checks.replay_discovering_fit()


# Audits ------------------------------------------------------------------------------


def audited(name: str) -> Detector:
    """A short audit: no leak may be proven, and the control must scream."""
    (mechanism,) = [m for m in MECHANISMS if m.name == name]

    def run() -> None:
        finding = audit_mechanism(mechanism, draws=_DRAWS, seed=_SEED)
        proven = f"mu >= {finding.bound.mu:.2f} of {finding.mu:.2f}"
        assert finding.verdict != "leak", (proven, finding.faults)
        assert finding.screams

    run.__doc__ = f"{name}: {mechanism.about}"
    return detector("audit", audit_mechanism)(run)


audit_units = audited("row count by unit")
audit_marginal_of_units = audited("two-way marginal by unit")
audit_selection = audited("selection")
audit_gradients_of_units = audited("VAE steps by unit")
audit_clusters = audited("K-Means and moments")


# Poisson samples ---------------------------------------------------------------------


def of_samples(check: Callable[..., Any], *facts: Any) -> Detector:
    """A check of 400 Poisson samples of 300 units."""

    def run() -> None:
        units = sampled.units_of(300)
        check(sampled.samples_of(units), units, *facts)

    run.__doc__ = "400 samples of 300 units of one to three rows"
    return detector("distribution", check)(run)


whole_units = of_samples(sampled.check_whole_units)
independent_samples = of_samples(sampled.check_independent, sampled.RATE)
sampling_rate = of_samples(sampled.check_rate, sampled.RATE)
SAMPLES = {one.check: one for one in (whole_units, independent_samples, sampling_rate)}


# Accounting --------------------------------------------------------------------------


def check_verified(statement: Any) -> None:
    """The second accountant finds nothing wrong with a statement, read from JSON."""
    found = verify(json.loads(json.dumps(statement.to_dict(), allow_nan=False)))
    wrong = [f"{c.name}: {c.detail}" for c in found.checks if not c.passed]
    assert not wrong, wrong


@detector("accountant", verify)
def verified_ledger() -> None:
    """A statement of every kind of event, its budget spent to the end."""
    check_verified(test_verify.statement_of(fill=True))


@detector("accountant", verify)
def verified_counts() -> None:
    """A statement of one count that spends everything: little discrete noise."""
    ledger = Ledger(epsilon=1.0, delta=1e-5)
    test_verify.gaussian(ledger, "rows", 1.0, discrete=True)
    check_verified(ledger.statement())


@detector("accountant", verify)
def verified_choices() -> None:
    """A statement of choices that spend everything."""
    ledger = Ledger(epsilon=1.0, delta=1e-5)
    border = Border(Sensitive(random_codes(3), sizes=SIZES), ledger, None)
    for _ in range(5):
        border.exponential("s", "w", bound=1.0, rho=ledger.share(0.2))
    check_verified(ledger.statement())


@detector("accountant", verify)
def verified_samples() -> None:
    """A statement of Poisson-sampled steps that spend everything."""
    ledger = Ledger(epsilon=8.0, delta=1e-5, reserved_delta=1e-7)
    border = Border(Sensitive(random_codes(3), sizes=SIZES), ledger, None)
    border.poisson(
        "s",
        "w",
        bound=1.0,
        rho=ledger.share(1.0),
        count=20,
        sampling_rate=0.2,
        slack=0.9e-7,
    )
    check_verified(ledger.statement())
    poisson._covering_mu.cache_clear()


@detector("accountant", verify)
def verified_fit() -> None:
    """The statement of a whole fit by unit; of noise that is the same each time.

    Which events are equal hangs on the answers.
    """
    table, _more = replay_checks.near_tables(1, person=999)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NoiseSource, "secure", lambda: NoiseSource.insecure(1))
        model = quick_fit(table, unit="person", max_rows_per_unit=3)
    check_verified(model.statement_)


@detector("accountant", verify)
def verified_discovery() -> None:
    """The statement of discovery by unit."""
    table = replay_checks.raw_table().assign(person=range(900))
    seen: Seen = replay_checks.found_facts("person", 3)(table, NoiseSource.insecure(1))
    ledger = Ledger(epsilon=20.0, delta=1e-5, reserved_delta=1e-6)
    for event in seen.events:
        ledger.authorize(event)
    check_verified(ledger.statement(unit="person", max_rows_per_unit=3))


@detector("accountant", test_ledger.test_a_hair_above_the_cap_is_refused)
def full_ledger() -> None:
    """An event that is a hair too dear for what is left."""
    test_ledger.test_a_hair_above_the_cap_is_refused(
        Ledger(epsilon=1.0, delta=1e-5, reserved_delta=1e-6)
    )


@detector("accountant", test_ledger.test_spending_adds_up_by_stage)
def shares() -> None:
    """What is spent of three shares."""
    test_ledger.test_spending_adds_up_by_stage(
        Ledger(epsilon=1.0, delta=1e-5, reserved_delta=1e-6)
    )


@detector("accountant", test_rounds.test_the_ledger_is_charged_the_two_shares)
def spent_by_the_rounds() -> None:
    """What is spent by the rounds, against their two shares."""
    test_rounds.test_the_ledger_is_charged_the_two_shares(1.0)


@detector("statement", test_statement.test_printed_numbers_are_rounded_up)
def printed_numbers() -> None:
    """The text of a statement at epsilon 1.00001."""
    test_statement.test_printed_numbers_are_rounded_up()


@detector("statement", test_statement.test_spent_epsilon_is_what_the_events_cost)
def spent_epsilon() -> None:
    """The numbers of a statement, priced anew."""
    test_statement.test_spent_epsilon_is_what_the_events_cost()


@detector("statement", end_to_end.stamped)
def stamp() -> None:
    """Statement and repr of a fit with a debugging seed."""
    model = quick_fit(leaks.plain_table(60), insecure_noise_seed=1)
    assert end_to_end.stamped(repr(model))
    assert end_to_end.stamped(str(model.statement_))


# Ledger files ------------------------------------------------------------------------


@contextlib.contextmanager
def book_of(epsilon: float = test_book.EPSILON) -> Any:
    """A new ledger file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.ledger"
        yield Book.create(path, name="n", epsilon=epsilon, delta=test_book.DELTA)


@detector("ledger file", test_book.passes_cap)
def fits_at_once() -> None:
    """Two fits at once that would pass the cap together."""
    with book_of() as book:
        assert not test_book.passes_cap(book, test_book.TWO_AT_ONCE)


@detector(
    "ledger file", test_book.test_a_dead_fit_keeps_its_events_and_loses_its_reservation
)
def dead_fit() -> None:
    """A fit whose process is killed after some events."""
    with book_of() as book:
        test_book.test_a_dead_fit_keeps_its_events_and_loses_its_reservation(book)


# Leaks -------------------------------------------------------------------------------


@detector("leak search", leaks.unnoised)
def tensors_of_the_file() -> None:
    """The arrays of a model file against all true histograms."""
    true: list[np.ndarray] = []
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        honest = Counter._histogram

        def histogram(self: Counter, columns: Any) -> Any:
            true.append(np.array(honest(self, columns), float))
            return honest(self, columns)

        patch.setattr(Counter, "_histogram", histogram)
        model = quick_fit(leaks.plain_table(60))
        _text, tensors, _data = leaks.saved(model, Path(folder) / "m")
    found = leaks.unnoised(tensors, true)
    assert found == []


@detector("leak search", leaks.betrays)
def words_of_the_statement() -> None:
    """Statement and repr of a fit of 1,237 rows with marked cells."""
    model = quick_fit(leaks.marked_table())
    text = f"{model.statement_} {model.statement_.to_dict()} {model!r}"
    assert leaks.betrays(text) == []


@detector("leak search", leaks.words_of)
def words_of_a_failure() -> None:
    """An error inside a fit that quotes a cell and the number of rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Counter, "_histogram", leaks.failing(ValueError))
        with pytest.raises(Exception) as caught, replay_checks.quick_fits():
            leaks.fit(leaks.model_of(), leaks.marked_table())
    assert leaks.betrays(leaks.words_of(caught.value)) == []


@detector("leak search", leaks.test_a_fitted_model_holds_nothing_of_the_border)
def memory_of_the_model() -> None:
    """Everything that hangs on a fitted model."""
    model = quick_fit(leaks.marked_table())
    leaks.test_a_fitted_model_holds_nothing_of_the_border(
        types.SimpleNamespace(model=model)
    )


# Rows apart --------------------------------------------------------------------------


@detector(
    "rows apart",
    neighbouring.test_a_row_that_changes_the_dtype_changes_no_other_row,
)
def codes_of_other_rows() -> None:
    """The codes of a numeric column with one more row."""
    same = neighbouring.test_a_row_that_changes_the_dtype_changes_no_other_row
    for added in (-7, 1e6, None):
        same(neighbouring.NUMBER, added)


@detector("rows apart", neighbouring.test_an_odd_cell_neither_fails_nor_warns)
def odd_cells() -> None:
    """Cells that no schema foresees."""
    try:
        for odd in ("list", "object", "empty text"):
            neighbouring.test_an_odd_cell_neither_fails_nor_warns(
                odd, neighbouring.TEXT
            )
    except (ValueError, TypeError, LookupError) as error:
        raise AssertionError(f"a cell stopped the fit: {error!r}") from None


# Architecture ------------------------------------------------------------------------


def kept(rule: Callable[[Path], list[str]], about: str) -> Detector:
    """A rule of the source tree."""

    def run() -> None:
        found = rule(test_architecture.ROOT)
        assert not found, "\n".join(found)

    run.__doc__ = about
    return detector("architecture", rule)(run)


border_imports = kept(test_architecture.forbidden_imports, "imports across the border")
other_randomness = kept(test_architecture.other_randomness, "other random generators")
row_access = kept(test_architecture.row_access, "calls that open or encode rows")
output_calls = kept(test_architecture.output_calls, "prints and logs near the rows")


def detectors() -> dict[str, Detector]:
    """All detectors by name."""
    return {k: v for k, v in globals().items() if isinstance(v, Detector)}


# Cheap and general: each is tried on every bug when the page is made.
NETS = (
    replayed_fit,
    replayed_unit_fit,
    replayed_networks,
    replayed_teacher,
    replayed_rounds,
    replayed_discovery,
    replayed_discovering_fit,
    noise_of_counts,
    noise_of_networks,
    paid_openings,
    verified_fit,
)
