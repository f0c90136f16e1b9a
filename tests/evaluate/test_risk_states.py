"""The rule that turns counts into a state and a sentence, on counts made by hand."""

import pytest

from fairveil.evaluate import risks
from fairveil.evaluate._proportions import beyond, rate
from fairveil.evaluate._trials import Shot, Trial
from fairveil.evaluate.results_risks import FINDING, NO_CONTROL, PASS, WEAK


def shot(main, control, n=1000):
    one, two = rate(main, n), rate(control, n)
    return Shot(one, two, beyond(one, two))


def trial(main, control, *, naive=100, planted=(900, 200), n=1000):
    copy = None if planted is None else shot(*planted)
    return Trial(
        "t", "linkability", "a with b", shot(main, control, n), rate(naive, 1000), copy
    )


def states(*trials, control=True):
    return [one.state for one in risks._judged(trials, control=control)]


def test_each_state():
    found = states(
        trial(300, 200),  # more of training rows
        trial(200, 210),
        trial(100, 300),  # less of them is no finding
        trial(200, 200, planted=(205, 200)),  # a copy is not noticed either
        trial(200, 200, naive=950),  # a copy is, but guessing does as well
        trial(200, 200, planted=None),
    )
    assert found == [FINDING, PASS, PASS, WEAK, WEAK, WEAK]
    assert states(trial(900, 100), control=False) == [NO_CONTROL]


def test_a_finding_stands_though_a_guess_does_as_well():
    """What is told of training rows only is told by the release, however little."""
    assert states(trial(300, 200, naive=400)) == [FINDING]


def test_many_attacks_are_one_family():
    lucky = trial(240, 200)  # alone at the 2 % level
    assert 0.01 < lucky.release.p_value < 0.03
    assert states(lucky) == [FINDING]
    assert states(lucky, *[trial(200, 200)] * 5) == [PASS] * 6
    (first, *_) = risks._judged([lucky, *[trial(200, 200)] * 5], control=True)
    assert "Alone it would be beyond chance" in first.sentence
    many = [trial(300, 200), trial(250, 200)]  # Holm: the second is then one of one
    assert states(*many) == [FINDING, FINDING]


def test_nothing_tried_is_no_pass():
    found = risks._judged([trial(0, 0, n=0)], control=True)[0]
    assert found.state == WEAK
    assert found.sentence.startswith("Not tried")
    alone = risks._judged([trial(0, 0, n=0, planted=None)], control=False)[0]
    assert alone.sentence.startswith("This attack could not be tried: it compares")


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (trial(300, 200), "tells more of those in the training table"),
        (trial(200, 210), "an excess under about"),
        (trial(200, 200, planted=(205, 200)), "would not have been noticed (20.5%)"),
    ],
)
def test_the_sentence_has_the_figures_of_the_record(made, words):
    (found,) = risks._judged([made], control=True)
    assert words in found.sentence
    main, control = made.release.main.value, made.release.control.value
    assert f"{main:.1%} were linked rightly" in found.sentence
    assert f"on control rows, {control:.1%}" in found.sentence
    assert f"without the release, {found.naive.value:.1%}" in found.sentence
