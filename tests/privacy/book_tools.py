"""What the tests of the ledger file share."""

import math
import os

from fairveil.privacy import events as ev, gdp

EPSILON, DELTA = 2.0, 1e-5
CAP_RHO = gdp.calibrate_rho(EPSILON, DELTA * (1 - 0.11))  # the rest is for deltas


def gaussian(rho, what="w"):
    stddev = math.sqrt(1.0 / (2.0 * rho)) * (1 + 1e-12)
    return ev.Gaussian(stage="s", what=what, sensitivity=1.0, noise_stddev=stddev)


def threshold(delta, rho):
    stddev = gdp.discrete_stddev(1.0, rho)
    least = gdp.threshold_of(delta, stddev, rows=1)
    return ev.Thresholding(stage="s", what="c", noise_stddev=stddev, threshold=least)


def begin(book, rho=0.1 * CAP_RHO, *, delta=0.0, **more):
    asked = {"unit": "row", "epsilon": 0.5, "target_delta": 1e-6, "label": "a fit"}
    return book.begin(rho=rho, delta=delta, **{**asked, **more})


def statuses(book):
    return [fit.status for fit in book.fits()]


def die(entry):
    """What the system does for a process that is killed: its lock is gone."""
    entry._live.drop()


def lines(path):
    return path.read_bytes().splitlines(keepends=True)


def fail(number):
    """A system call that refuses."""

    def act(*args, **kwargs):
        raise OSError(number, os.strerror(number))

    return act
