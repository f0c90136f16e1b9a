"""Units on a real table: encounters of patients, at most two of each count."""

from pathlib import Path

import narwhals as nw
import numpy as np
import pytest

from fairveil._gaps import plan
from fairveil.config import Discovery
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.private.discover import discover
from fairveil.private.intake import admit
from fairveil.tables.files import read_table

TABLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "diabetes130.csv.gz"
MOST, EPSILON, DELTA = 2, 1.0, 1e-5

pytestmark = pytest.mark.skipif(
    not TABLE.exists(), reason="the diabetes table is not beside this checkout"
)


@pytest.fixture(scope="module")
def rows():
    names = ["patient_nbr", "race", "gender", "age", "num_medications", "readmitted"]
    return read_table(TABLE)[names]


@pytest.fixture(scope="module")
def admitted(rows):
    ledger = Ledger(epsilon=EPSILON, delta=DELTA, reserved_delta=0.11 * DELTA)
    gate, n_hat = admit(
        nw.from_native(rows, eager_only=True),
        unit="patient_nbr",
        max_rows_per_unit=MOST,
        ledger=ledger,
        noise=NoiseSource.insecure(1),
        rho=ledger.share(0.002),
    )
    return gate, n_hat.value


def test_no_patient_has_more_rows_than_allowed_and_none_has_fewer(rows, admitted):
    gate, n_hat = admitted
    per_patient = rows["patient_nbr"].value_counts()
    assert len(per_patient) == 71_518
    assert per_patient.max() > MOST
    due = int(per_patient.clip(upper=MOST).sum())
    assert gate.rows.count() == due
    units = gate.rows._units
    assert np.bincount(units).max() == MOST
    assert units.max() + 1 == len(per_patient)
    assert 0 < abs(n_hat - due) < 6 * gate.count_stddev


def test_every_event_is_charged_for_all_rows_of_a_patient(rows, admitted):
    gate, n_hat = admitted
    table = nw.from_native(rows, eager_only=True)
    schema = discover(
        gate,
        plan(table, None, unit="patient_nbr", public_dtypes=False),
        n_hat=n_hat,
        rules=Discovery(),
        rho=gate.ledger.share(0.1),
        delta=0.1 * DELTA,
    ).value
    assert "patient_nbr" not in schema.names
    charged = {
        getattr(e, "rows_per_unit", None) or e.sensitivity for e in gate.ledger.events
    }
    assert charged == {MOST}
    assert {"Male", "Female"} <= set(schema["gender"].categories)
    assert schema["num_medications"].kind == "numeric"
    # three encounters have another gender; what so few share is not shown
    assert "Unknown/Invalid" not in schema["gender"].categories
