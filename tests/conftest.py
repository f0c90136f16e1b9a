"""Fixtures that many tests share: tiny settings, a small mixed table, a fitted model.

The networks are tiny and compiled without optimisation where only the wiring is tested;
nothing that is measured to the last digit goes through ``quick_compile``.
"""

import os
from importlib.metadata import version
from pathlib import Path

# before NumPy and JAX load: one thread each, so that test processes do not fight
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# the same programs are compiled in many files: once for all workers and later runs
_COMPILED = Path(__file__).resolve().parents[1] / ".pytest_cache" / "jax"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_COMPILED))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")
# One thread writes the programs. XLA's older emitters would write others in half the
# time, which are not those that users run. An unknown flag would end the process.
if version("jaxlib").startswith("0.10."):
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_parallel_codegen_split_count=1")

import contextlib  # noqa: E402  (after the threads)

import hypothesis  # noqa: E402  (after the threads)
import jax  # noqa: E402  (after the threads)
import numpy as np  # noqa: E402  (after the threads)
import pandas as pd  # noqa: E402  (after the threads)
import pytest  # noqa: E402  (after the threads)

from fairveil import config  # noqa: E402  (after the threads)
from fairveil.privacy.noise import NoiseSource  # noqa: E402  (after the threads)
from fairveil.schema import Column, Schema  # noqa: E402  (after the threads)
from fairveil.synthesizer import FairVeil  # noqa: E402  (after the threads)
from tiny_sizes import TINY  # noqa: E402  (after the threads)

# Files of many seconds. A worker takes a whole file, in this order with xdist's option
# --no-loadscope-reorder: one of these as the last would leave the other workers idle.
_FIRST = (
    "test_docs.py",
    "test_worst_case.py",
    "test_planted_bugs.py",
    "test_leaks.py",
    "test_frontier_dials.py",
    "test_privacy_end_to_end.py",
    "test_cli.py",
    "test_frontier.py",
    "test_audit.py",
    "test_fit_gan.py",
    "test_interruptions.py",
    "test_docs_files.py",
    "test_demo.py",
    "test_docs_pages.py",
    "test_compiled.py",
    "test_cli_frontier.py",
)


def pytest_collection_modifyitems(items):
    """Long files first; the order within a file, and of the other files, stays."""
    places = {name: place for place, name in enumerate(_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(_FIRST)))


# Fixed examples and no deadline: a shared machine is no reason for a red test.
hypothesis.settings.register_profile(
    "fairveil", deadline=None, derandomize=True, max_examples=60
)
hypothesis.settings.load_profile("fairveil")


@contextlib.contextmanager
def _unoptimised():
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", False)


@contextlib.contextmanager
def _tiny(settings):
    """Every preset has tiny sizes here; unknown names are refused as ever."""
    real = config.preset

    def preset(name):
        real(name)
        return settings

    with pytest.MonkeyPatch.context() as patch, _unoptimised():
        patch.setattr(config, "preset", preset)
        yield


@pytest.fixture
def quick_compile():
    """Compile without optimisation: half the time, for tests of wiring only."""
    with _unoptimised():
        yield


@pytest.fixture(scope="session")
def tiny_settings():
    """A ``config.Fit`` whose fit takes seconds."""
    return TINY


@pytest.fixture
def tiny_fits(tiny_settings):
    """``FairVeil.fit`` has tiny sizes while this fixture is held."""
    with _tiny(tiny_settings):
        yield tiny_settings


@pytest.fixture(scope="session")
def tiny_table():
    """400 rows: text, integers, decimals with missing values, booleans, categories."""
    rng = np.random.default_rng(20)
    n = 400
    sex = rng.choice(["f", "m"], n, p=[0.4, 0.6])
    pay = np.round(rng.lognormal(2.0, 0.7, n).clip(0, 500) + 9 * (sex == "m"), 2)
    pay[rng.random(n) < 0.3] = 0.0
    pay[rng.random(n) < 0.1] = np.nan
    city = pd.Categorical(
        rng.choice(["north", "south", "west"], n), categories=["west", "south", "north"]
    )
    return pd.DataFrame(
        {
            "sex": pd.Series(sex, dtype="object"),
            "age": rng.integers(17, 91, n),
            "pay": pay,
            "member": rng.random(n) < 0.3,
            "city": pd.Series(city).where(rng.random(n) > 0.1),
            "visits": pd.array(
                [None if u < 0.2 else int(9 * u) for u in rng.random(n)], dtype="Int64"
            ),
        }
    )


@pytest.fixture(scope="session")
def tiny_schema():
    """Public facts of ``tiny_table``, written by hand; none copied from its rows."""
    return Schema(
        columns=(
            Column(
                name="sex", kind="categorical", dtype="object", categories=("f", "m")
            ),
            Column(
                name="age",
                kind="numeric",
                dtype="int64",
                lower=17.0,
                upper=90.0,
                decimals=0,
            ),
            Column(
                name="pay",
                kind="numeric",
                dtype="float64",
                lower=0.0,
                upper=600.0,
                decimals=2,
                nullable=True,
            ),
            Column(name="member", kind="boolean", dtype="bool"),
            Column(
                name="city",
                kind="categorical",
                dtype="category",
                categories=("west", "south", "north"),
                nullable=True,
            ),
            Column(
                name="visits",
                kind="numeric",
                dtype="Int64",
                lower=0.0,
                upper=9.0,
                decimals=0,
                nullable=True,
            ),
        ),
        declared_by="the tests",
    )


@pytest.fixture(scope="session")
def tiny_model(tiny_table, tiny_schema, tiny_settings):
    """Fitted with ``fairness="independence"``, ``sensitive=["sex"]``, epsilon 1.

    Shared by the whole session: never change it. Its noise is the same in every
    session, so that no test hangs on luck; its statement reads as for real noise.
    """
    model = FairVeil(epsilon=1.0, sensitive=["sex"], schema=tiny_schema, random_state=7)
    with _tiny(tiny_settings), pytest.MonkeyPatch.context() as patch:
        patch.setattr(NoiseSource, "secure", lambda: NoiseSource(b"tiny" * 8, None))
        return model.fit(tiny_table.copy())


@pytest.fixture(scope="session")
def tiny_bundle(tiny_model):
    """What the private stage of ``tiny_model`` released."""
    return tiny_model._contents.bundle
