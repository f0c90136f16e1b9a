"""Arrays as tables: named by place, no cell looked at, refused in one line."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from fairveil.errors import TableError
from fairveil.tables.arrays import framed
from fairveil.tables.entry import kind_of, open_table


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(3, 2),
        np.array([[1.5, np.nan]]),
        np.array([["a", None], [1, 2.5]], dtype=object),
        np.array([["a", "b"]]),
        np.zeros((0, 2)),
        np.zeros((2, 2), dtype=bool),
        np.zeros((2, 2), dtype="M8[ns]"),
    ],
    ids=lambda array: str(array.dtype),
)
def test_columns_are_named_by_their_place(array):
    table = framed(array)
    assert list(table) == ["x0", "x1"]
    assert table.to_numpy().tolist() == pd.DataFrame(array).to_numpy().tolist() or (
        np.isnan(array[0, 1])
    )
    assert kind_of(open_table(array)) == "pandas"
    assert open_table(array).columns == ["x0", "x1"]


def test_numbers_are_not_copied():
    array = np.zeros((4, 2))
    assert np.shares_memory(framed(array).to_numpy(), array)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros(3), "two dimensions.*reshape"),
        (np.zeros((1, 2, 3)), "two dimensions"),
        (np.zeros((7, 0)), "no columns"),
        (np.zeros((2, 2), dtype=complex), "Complex data not supported"),
        (np.zeros((2, 2), dtype=[("a", int)]), "Structured data not supported"),
        (np.zeros((2, 4001)), "too many columns"),
        (sparse.csr_array(np.eye(2)), "sparse input is not supported"),
        (sparse.coo_matrix(np.eye(2)), "sparse input is not supported"),
    ],
)
def test_what_is_no_table_is_refused_without_its_rows(array, said):
    with pytest.raises(TableError, match=said) as caught:
        open_table(array)
    assert "7" not in str(caught.value)  # rows of the one without columns
