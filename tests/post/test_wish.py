"""What a release is asked to be: which ones end with a redraw."""

import pytest

from fairveil.post.wish import Wish


@pytest.mark.parametrize(
    ("fairness", "strength", "ends"),
    [
        ("independence", 1.0, True),
        ("independence", 0.5, False),
        ("redraw", 0.5, True),
        ("outcome", 1.0, False),
        (None, 1.0, False),
    ],
)
def test_independence_is_made_exact_at_full_strength_only(fairness, strength, ends):
    wish = Wish(
        fairness=fairness,
        sensitive=("sex",) if fairness else (),
        strength=strength,
        generator="wgan",
        target="y" if fairness == "outcome" else None,
    )
    assert wish.ends_apart is ends
