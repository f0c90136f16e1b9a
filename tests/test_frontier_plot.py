"""The plot shows the measured points, joins what nothing beats, and is repeatable."""

import dataclasses
import itertools
import math
import re
import xml.etree.ElementTree as ET

import pytest

from fairveil import _frontier_plot as plots
from fairveil.errors import ConfigError, TableError
from test_frontier import candidate, fit, of

SMALL, LARGE = fit(0.5, name="small"), fit(3.0, name="large")


def both():
    """Two fits, two promises, baselines."""
    tried = [
        candidate(
            0.05 * k + extra + (0.03 if k == 2 else 0),
            0.2 - 0.06 * k + extra,
            of=which,
            strength=k / 3,
            mode=mode,
        )
        for mode in ("independence", "outcome")
        for which, extra in ((SMALL, 0.05), (LARGE, 0.0))
        for k in range(4)
    ]
    tried = [_with_gap(c) for c in tried]
    ends = [
        _with_gap(candidate(loss, unfair, of=which, mode=mode))
        for which, loss in ((SMALL, 0.04), (LARGE, 0.0))
        for mode, unfair in ((None, 0.25), ("redraw", 0.005))
    ]
    return dataclasses.replace(of(*tried), baselines=tuple(ends))


def loosened():
    """Both promises, and releases whose proxies are loosened more and more."""
    found = both()
    tried = [
        _with_people(
            candidate(0.02 * k, 0.01, of=which, mode="redraw", proxies=k / 4),
            1.0 - 0.2 * k,
        )
        for which in (SMALL, LARGE)
        for k in range(5)
    ]
    ends = [_with_people(each, 1.0) for each in found.baselines]
    return dataclasses.replace(
        found, candidates=(*found.candidates, *tried), baselines=tuple(ends)
    )


def _with_people(found, people):
    return dataclasses.replace(found, people=people)


def _with_gap(found):
    measured = dataclasses.replace(found.measured, gaps={"sex": found.unfairness})
    return dataclasses.replace(found, measured=measured)


def points(axes):
    lines = [x for x in axes.lines if x.get_marker() not in ("None", None)]
    return {tuple(xy) for line in lines for xy in line.get_xydata().tolist()}


def test_each_candidate_stands_at_its_figures_in_the_panel_of_its_promise():
    found = both()
    hidden, parity = plots.figure(found).axes
    for axes, promise in ((hidden, "hidden"), (parity, "parity")):
        wanted = {
            (c.unfairness, c.loss)
            for c in found.candidates
            if c.settings.promise == promise
        }
        assert wanted <= points(axes)
    plain, redrawn = ((c.measured.hidden, c.loss) for c in found.baselines[2:])
    assert {plain, redrawn} <= points(hidden)
    assert plain[1] == redrawn[1] == 0.0
    assert redrawn not in points(parity)  # redraw does not promise parity
    assert "AUROC" in hidden.get_xlabel()
    assert "parity" in parity.get_xlabel()
    assert "people" in [c.get_title() for c in plots.figure(loosened()).axes][-1]
    assert hidden.get_xlabel().endswith("at the points: strength")
    assert hidden.get_ylabel() == "loss of utility (down is better)"


def test_loosened_proxies_have_a_panel_of_their_own():
    found = loosened()
    hidden, _, people = plots.figure(found).axes
    loose = [c for c in found.candidates if c.people is not None]
    assert {(c.people, c.loss) for c in loose} <= points(people)
    assert (1.0, 0.04) in points(people)  # no debiasing, of the smaller epsilon
    assert not {(c.unfairness, c.loss) for c in loose if c.loss > 0} & points(hidden)
    assert people.get_xlabel().endswith("at the points: proxies")
    assert {"0", "0.25", "1"} <= {text.get_text() for text in people.texts}


def test_several_settings_that_vary_stand_at_a_point_in_the_order_told():
    tried = [
        candidate(0.1 - x / 10, x, mode="outcome", strength=1 - x, blind=b)
        for x, b in ((0.1, 0.25), (0.4, None))
    ]
    (axes,) = plots.figure(of(*tried)).axes
    assert axes.get_xlabel().endswith("at the points: strength / blind")
    assert [t.get_text() for t in axes.texts] == ["0.9 / 0.25", "0.6 / usual"]


def test_the_line_joins_what_nothing_of_the_same_fit_beats():
    found = of(
        candidate(0.0, 0.3),
        candidate(0.2, 0.0),
        candidate(0.1, 0.1),
        candidate(0.2, 0.2),
    )
    (axes,) = plots.figure(found).axes
    lines = [x for x in axes.lines if x.get_linestyle() == "-" and len(x.get_xdata())]
    joined = [
        line.get_xydata().tolist() for line in lines if line.get_marker() == "None"
    ]
    assert joined == [[[0.0, 0.2], [0.1, 0.1], [0.3, 0.0]]]


def test_small_losses_are_not_stretched_over_the_panel():
    (axes,) = plots.figure(of(candidate(0.0, 0.1), candidate(0.001, 0.0))).axes
    low, high = axes.get_ylim()
    assert high - low >= 0.05
    assert axes.get_xlim()[0] == 0.0


def test_the_legend_names_epsilons_once_by_colour_and_shape():
    made = plots.figure(both())
    (legend,) = made.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == [
        "epsilon 0.5",
        "epsilon 3",
        "no debiasing",
        "redraw (trivial baseline)",
    ]
    looks = {(h.get_marker(), h.get_color()) for h in legend.legend_handles[:4]}
    assert len(looks) == 4


def test_fits_of_one_epsilon_and_those_that_are_not_private_are_told_apart():
    one, other = fit(1.0, name="x"), fit(1.0, name="y")
    bare = fit(math.inf, name="z", private=False)
    made = plots.figure(of(*(candidate(0, 0, of=f) for f in (one, other, bare))))
    texts = [text.get_text() for text in made.legends[0].get_texts()]
    named = ["epsilon 1 (x)", "epsilon 1 (y)", "epsilon inf: NOT PRIVATE"]
    assert texts == named


@pytest.mark.parametrize("made", [both, loosened])
def test_no_words_overlap(made):
    made = plots.figure(made())
    made.draw_without_rendering()
    words = [text for axes in made.axes for text in _words(axes)]
    words += made.legends[0].get_texts()
    boxes = [(text.get_text(), text.get_window_extent()) for text in words]
    for (one, box), (two, there) in itertools.combinations(boxes, 2):
        assert not box.overlaps(there), (one, two)


def _words(axes):
    words = [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
    for axis in (axes.xaxis, axes.yaxis):
        low, high = axis.get_view_interval()
        ticks = axis.get_major_ticks()
        words += [tick.label1 for tick in ticks if low <= tick.get_loc() <= high]
    return [each for each in words if each.get_text() and each.get_visible()]


def test_the_file_is_svg_and_the_same_every_time(tmp_path):
    found = both()
    found.plot(tmp_path / "a.svg")
    found.plot(tmp_path / "b.svg")
    content = (tmp_path / "a.svg").read_bytes()
    assert content == (tmp_path / "b.svg").read_bytes()
    assert ET.fromstring(content).tag.endswith("svg")


def test_another_suffix_or_a_missing_library_or_folder_is_refused(
    tmp_path, monkeypatch
):
    with pytest.raises(ConfigError, match=r"a name in \.svg"):
        both().plot(tmp_path / "a.png")
    with pytest.raises(TableError, match="cannot be written"):
        both().plot(tmp_path / "nowhere" / "a.svg")
    monkeypatch.setattr(plots, "find_spec", lambda _: None)
    with pytest.raises(
        ConfigError, match=re.escape("pip install 'fairveil[frontier]'")
    ):
        both().plot(tmp_path / "a.svg")
    assert list(tmp_path.iterdir()) == []
