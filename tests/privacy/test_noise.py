import copy
import inspect
import math
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import opendp.prelude as dp
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from scipy import stats

from fairveil.errors import ConfigError
from fairveil.privacy import _discrete, noise as noise_module
from fairveil.privacy.noise import NoiseSource

CERTAIN = 1e-9  # a wrong scale has to be rejected at this level
PLAUSIBLE = 1e-3  # the right one is accepted at this level, under fixed seeds


@pytest.fixture
def source():
    return NoiseSource.insecure(7)


def pmf(stddev, values):
    """Exact discrete Gaussian, summed far past the tails."""
    wide = np.arange(-int(20 * stddev) - 20, int(20 * stddev) + 21)
    weight = np.exp(-(wide.astype(float) ** 2) / (2 * stddev**2))
    return np.exp(-(np.asarray(values, float) ** 2) / (2 * stddev**2)) / weight.sum()


def discrete_p_value(draws, stddev):
    """Chi-square against the exact pmf, tails pooled to expect ten draws or more."""
    values = np.arange(draws.min(), draws.max() + 1)
    expected = len(draws) * pmf(stddev, values)
    observed = np.array([(draws == v).sum() for v in values])
    step = max(1, int(stddev / 4))
    inner = (expected * step >= 10).nonzero()[0]
    kept = slice(inner[0], inner[-1] + 1)
    edges = np.arange(0, inner[-1] + 1 - inner[0], step)
    seen = np.add.reduceat(observed[kept], edges)
    wanted = np.add.reduceat(expected[kept], edges)
    seen = np.append(seen, len(draws) - seen.sum())
    wanted = np.append(wanted, len(draws) - wanted.sum())
    if wanted[-1] < 5:
        seen = np.append(seen[:-2], seen[-2:].sum())
        wanted = np.append(wanted[:-2], wanted[-2:].sum())
    return stats.chisquare(seen, wanted).pvalue


def chi2_of_scale(draws, stddev):
    """Two-sided chi-square test that draws have this standard deviation."""
    n = draws.size
    tail = stats.chi2.cdf((draws.astype(float) ** 2).sum() / stddev**2, n)
    return 2 * min(tail, 1 - tail)


def test_keystream_is_aes_256_in_counter_mode(source):
    key = bytes(range(32))
    source._start(key)
    counters = b"".join(i.to_bytes(16, "big") for i in range(50_000))
    blocks = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(counters)
    assert source.uint64(100_000).astype("<u8").tobytes() == blocks


def test_words_do_not_depend_on_how_they_are_asked_for():
    whole = NoiseSource.insecure(1).uint64(100_000)
    other = NoiseSource.insecure(1)
    parts = [other.uint64(n) for n in (0, 1, 2, 3, 33_333, 66_661)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    assert whole.dtype == np.uint64
    assert len(np.unique(whole)) == 100_000


@pytest.mark.statistical
def test_words_are_uniform_bit_by_bit(source):
    words = source.uint64(100_000)
    ones = [int((words >> np.uint64(b) & np.uint64(1)).sum()) for b in range(64)]
    p_values = [stats.binomtest(k, 100_000).pvalue for k in ones]
    assert min(p_values) > PLAUSIBLE / 64


@pytest.mark.statistical
def test_uniform_lies_inside_the_open_interval(source):
    u = source.uniform(200_000)
    assert u.min() > 0
    assert u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > PLAUSIBLE
    np.testing.assert_array_equal(u * 2.0**53 % 2, 1.0)


def test_uniform_reaches_neither_end(source, monkeypatch):
    for word, value in ((0, 2.0**-53), (2**64 - 1, 1 - 2.0**-53)):
        monkeypatch.setattr(
            source, "uint64", lambda n, w=word: np.full(n, w, np.uint64)
        )
        assert source.uniform(1)[0] == value
        assert np.isfinite(source.gaussian(3, 1.0)).all()
        assert np.isfinite(source._exponential(2)).all()


@pytest.mark.statistical
@pytest.mark.parametrize("stddev", [1e-9, 0.7, 1.0, 33.0, 1e12])
def test_gaussian_has_the_declared_scale(source, stddev):
    draws = source.gaussian(60_000, stddev)
    assert chi2_of_scale(draws, stddev) > PLAUSIBLE
    assert stats.kstest(draws / stddev, "norm").pvalue > PLAUSIBLE
    for wrong in (2 / 3, 3 / 2):
        assert chi2_of_scale(draws, wrong * stddev) < CERTAIN
        assert stats.kstest(draws / (wrong * stddev), "norm").pvalue < CERTAIN


@pytest.mark.statistical
def test_gaussian_halves_of_a_pair_are_independent(source):
    pairs = noise_module._PAIRS
    x, y = source.gaussian((2, pairs), 1.0)
    assert abs(np.corrcoef(x, y)[0, 1]) < 4 / math.sqrt(pairs)
    assert abs(np.corrcoef(x**2, y**2)[0, 1]) < 4 / math.sqrt(pairs)
    assert abs(np.corrcoef(x[1:], x[:-1])[0, 1]) < 4 / math.sqrt(pairs)


@pytest.mark.statistical
def test_gaussian_tail(source):
    far = int((np.abs(source.gaussian(1_000_000, 1.0)) > 4).sum())
    assert stats.binomtest(far, 1_000_000, 2 * stats.norm.sf(4)).pvalue > PLAUSIBLE


@pytest.mark.parametrize("shape", [0, 1, 7, (3, 5), (2, 0), (), (5, 20_001)])
@pytest.mark.parametrize("draw", ["gaussian", "discrete_gaussian"])
def test_shapes_and_types(source, shape, draw):
    out = getattr(source, draw)(shape, 1e6)
    assert out.shape == np.empty(shape).shape
    assert out.dtype == (np.float64 if draw == "gaussian" else np.int64)
    assert len(np.unique(out)) >= 0.9 * out.size


@pytest.mark.parametrize("draw", ["gaussian", "discrete_gaussian"])
def test_zero_noise_is_exactly_zero_and_draws_nothing(draw):
    source = NoiseSource.insecure(3)
    assert not getattr(source, draw)((4, 4), 0.0).any()
    np.testing.assert_array_equal(source.uint64(4), NoiseSource.insecure(3).uint64(4))


@pytest.mark.statistical
@pytest.mark.parametrize("stddev", [0.35, 0.5, 1.0, 1.7, 10.0, 100.0])
def test_discrete_gaussian_follows_the_exact_pmf(source, stddev):
    draws = source.discrete_gaussian(40_000, stddev)
    assert discrete_p_value(draws, stddev) > PLAUSIBLE
    for wrong in (2 / 3, 3 / 2):
        assert discrete_p_value(draws, wrong * stddev) < CERTAIN


@pytest.mark.statistical
@pytest.mark.parametrize("stddev", [3e4, 1e9, 2.0**50])
def test_discrete_gaussian_of_large_scale_is_gaussian(source, stddev):
    draws = source.discrete_gaussian(20_000, stddev)
    assert chi2_of_scale(draws, stddev) > PLAUSIBLE
    assert stats.kstest(draws / stddev, "norm").pvalue > PLAUSIBLE
    for wrong in (2 / 3, 3 / 2):
        assert chi2_of_scale(draws, wrong * stddev) < CERTAIN


@pytest.mark.parametrize("stddev", [5e-324, 1e-100, 1e-9, 0.01])
def test_discrete_gaussian_of_tiny_scale_is_zero(source, stddev):
    assert not source.discrete_gaussian(500, stddev).any()


@pytest.mark.statistical
@pytest.mark.parametrize("stddev", [0.6, 12.0])
def test_python_integers_follow_the_same_distribution(monkeypatch, source, stddev):
    monkeypatch.setattr(_discrete, "_INT64_LIMIT", 1)
    draws = source.discrete_gaussian(8_000, stddev)
    assert discrete_p_value(draws, stddev) > PLAUSIBLE
    for wrong in (2 / 3, 3 / 2):
        assert discrete_p_value(draws, wrong * stddev) < CERTAIN


@pytest.mark.statistical
@pytest.mark.parametrize("stddev", [0.9, 14.0])
def test_discrete_gaussian_against_opendp(source, stddev):
    dp.enable_features("contrib")
    domain = dp.vector_domain(dp.atom_domain(T=int)), dp.l2_distance(T=float)
    other = np.array(dp.m.make_gaussian(*domain, scale=stddev)([0] * 20_000))
    ours = source.discrete_gaussian(20_000, stddev)
    edge = int(2.5 * stddev)
    bins = np.arange(-edge, edge + 2, max(1, edge // 8)) - 0.5
    bins = np.concatenate(([-np.inf], bins, [np.inf]))
    table = np.array([np.histogram(x, bins)[0] for x in (ours, other)])
    # opendp draws from the operating system, so this level has to be a rare accident.
    assert stats.chi2_contingency(table).pvalue > 1e-6
    scaled = np.histogram(source.discrete_gaussian(20_000, 1.5 * stddev), bins)[0]
    assert stats.chi2_contingency([scaled, table[1]]).pvalue < CERTAIN


@pytest.mark.parametrize(
    "stddev", [1e-200, 0.01, 0.3, 1.0, math.pi, 100.0, 1e10, 2.0**50]
)
def test_variance_is_rounded_up_and_hardly(stddev):
    exact = Fraction(stddev) ** 2
    variance = noise_module._variance_above(stddev)
    assert exact <= variance <= exact * (1 + Fraction(1, 2**16))
    assert variance.numerator < 2**18 or variance.denominator == 1


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("numerator", "denominator"), [(0, 1), (1, 1), (1, 3), (9, 10)]
)
def test_bernoulli_of_an_exponential(source, numerator, denominator):
    given = np.full(40_000, numerator)
    hits = int(_discrete._bernoulli_exp(source.uint64, given, denominator).sum())
    wanted = math.exp(-numerator / denominator)
    assert stats.binomtest(hits, 40_000, wanted).pvalue > PLAUSIBLE


@pytest.mark.statistical
@pytest.mark.parametrize(
    "bound", [2, 3, 9, 900, 2**63, 3 * 2**61, 2**63 + 1, 3 * 2**90]
)
def test_bounded_integers_are_uniform(source, bound):
    draws = _discrete._below(source.uint64, 6_000, bound)
    assert min(draws) >= 0
    assert max(draws) < bound
    cells = min(bound, 9)  # divides each small bound
    seen = np.bincount([int(d) * cells // bound for d in draws], minlength=cells)
    assert stats.chisquare(seen).pvalue > PLAUSIBLE


def test_bounded_integers_redraw_words_past_the_last_multiple():
    bound = 3 * 2**61
    script = iter([[2**64 - 1, 5, 2 * bound], [2**64 - 2, 2 * bound - 1], [bound + 4]])
    draws = _discrete._below(lambda _: np.array(next(script), np.uint64), 3, bound)
    np.testing.assert_array_equal(draws, [4, 5, bound - 1])


@pytest.mark.statistical
def test_exponential_mechanism_has_the_declared_probabilities(source):
    scores, sensitivity, e = np.array([0.0, 3.0, 1.0, 3.0, -20.0]), 2.0, 1.5
    draws = [source.exponential_mechanism(scores, sensitivity, e) for _ in range(8_000)]
    seen = np.bincount(draws, minlength=5)[:4]

    def p_value(parameter):
        weight = np.exp(parameter * scores[:4] / (2 * sensitivity))
        return stats.chisquare(seen, seen.sum() * weight / weight.sum()).pvalue

    assert p_value(e) > PLAUSIBLE
    assert p_value(2 * e) < CERTAIN
    assert p_value(0.5 * e) < CERTAIN


def test_exponential_mechanism_limits(source):
    scores = [1.0, 5.0, 2.0, 5.0]
    assert source.exponential_mechanism(scores, 1.0, math.inf) == 1
    assert source.exponential_mechanism([-1e308, 1e308], 1e-300, 1e300) == 1
    assert source.exponential_mechanism([0.0, 1000.0], 1.0, 1.0) == 1
    assert source.exponential_mechanism([3.0], 1.0, 1.0) == 0
    choices = {source.exponential_mechanism(scores, 1.0, 1e-9) for _ in range(200)}
    assert choices == {0, 1, 2, 3}


@pytest.mark.parametrize("scores", [[], [0.0, math.nan], [math.inf], [[1.0]], 3.0])
def test_impossible_scores_are_refused_and_not_shown(source, scores):
    with pytest.raises(ConfigError, match="finite vector") as caught:
        source.exponential_mechanism(scores, 1.0, 1.0)
    assert "got" not in str(caught.value)


@pytest.mark.statistical
def test_permutations_are_uniform(source):
    seen = [tuple(source.permutation(4).tolist()) for _ in range(4_800)]
    counts = np.array([seen.count(p) for p in set(seen)])
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > PLAUSIBLE


def test_a_permutation_with_equal_keys_is_drawn_anew(source, monkeypatch):
    keys = iter([[5, 1, 5], [2, 3, 1]])
    monkeypatch.setattr(source, "uint64", lambda _: np.array(next(keys), np.uint64))
    np.testing.assert_array_equal(source.permutation(3), [2, 0, 1])


@pytest.mark.statistical
def test_choices_are_uniform_sets(source):
    seen = [tuple(source.choose(5, 2).tolist()) for _ in range(4_000)]
    counts = np.array([seen.count(c) for c in set(seen)])
    assert len(counts) == 10
    assert all(a < b for a, b in set(seen))
    assert stats.chisquare(counts).pvalue > PLAUSIBLE


def test_choice_limits(source):
    np.testing.assert_array_equal(source.choose(4, 4), np.arange(4))
    assert source.choose(np.int64(4), 0).shape == (0,)
    assert source.permutation(0).shape == (0,)
    with pytest.raises(ConfigError, match="above") as caught:
        source.choose(3, 4)
    assert not any(ch.isdigit() for ch in str(caught.value))


def test_secure_sources_differ_and_insecure_ones_repeat():
    first, second = NoiseSource.secure(), NoiseSource.secure()
    assert not (first.uint64(8) == second.uint64(8)).any()
    assert first.insecure_seed is None
    one, same, other = (NoiseSource.insecure(s) for s in (1, 1, 2))
    words = one.uint64(8)
    np.testing.assert_array_equal(words, same.uint64(8))
    assert not (words == other.uint64(8)).any()
    assert one.insecure_seed == 1
    with pytest.raises(AttributeError):
        one.insecure_seed = None


def test_a_source_is_neither_copied_nor_pickled(source):
    for act in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            act(source)


def test_no_key_is_kept_or_shown():
    source = NoiseSource(bytes(range(32)), None)
    told = repr(source) + str(vars(source))
    assert bytes(range(32)).hex() not in told
    assert str(bytes(range(32))) not in told
    assert repr(NoiseSource.secure()) == "NoiseSource(secure)"
    assert "NOT PRIVATE" in repr(NoiseSource.insecure(1))


def test_a_forked_process_takes_a_new_key(monkeypatch):
    key = bytes(32)
    parent, child = NoiseSource(key, None), NoiseSource(key, None)
    debug = NoiseSource.insecure(4)
    expected = NoiseSource.insecure(4).uint64(8)
    process = os.getpid()
    words = parent.uint64(8)
    monkeypatch.setattr(os, "getpid", lambda: process + 1)
    assert not (child.uint64(8) == words).any()
    np.testing.assert_array_equal(debug.uint64(8), expected)


def test_threads_never_share_words():
    source = NoiseSource.secure()
    with ThreadPoolExecutor(4) as pool:
        words = list(pool.map(source.uint64, [5_000] * 40))
    assert len(np.unique(np.concatenate(words))) == 200_000


def test_the_global_state_of_numpy_is_neither_read_nor_moved():
    np.random.seed(0)  # noqa: NPY002  (the state that must not move)
    before = np.random.get_state()[1].copy()  # noqa: NPY002  (watches the global state)
    source = NoiseSource.secure()
    source.gaussian(100, 1.0)
    source.discrete_gaussian(100, 5.0)
    source.exponential_mechanism([1.0, 2.0], 1.0, 1.0)
    source.choose(10, 3)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002  (watches the global state)
    code = inspect.getsource(noise_module) + inspect.getsource(_discrete)
    assert "np.random" not in code
    assert "import random" not in code


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.gaussian(3, -1.0),
        lambda s: s.gaussian(3, math.inf),
        lambda s: s.gaussian(3, math.nan),
        lambda s: s.discrete_gaussian(3, -1.0),
        lambda s: s.discrete_gaussian(3, 2.0**51),
        lambda s: s.uint64(-1),
        lambda s: s.choose(-1, 0),
        lambda s: s.exponential_mechanism([1.0], 0.0, 1.0),
        lambda s: s.exponential_mechanism([1.0], 1.0, 0.0),
        lambda s: s.exponential_mechanism([1.0], math.inf, 1.0),
        lambda _: NoiseSource.insecure(-1),
        lambda _: NoiseSource.insecure("seed"),
    ],
)
def test_impossible_arguments_are_refused(source, call):
    with pytest.raises(ConfigError):
        call(source)
