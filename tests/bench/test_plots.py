"""Plots show the rows' figures, the same way every time, or are left out."""

import itertools
import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest

from fairveil.bench import plots
from fairveil.bench.results import summary
from fairveil.errors import ConfigError


def row(method, auroc=None, *, epsilon: float | str = 1.0, seed=0, cpu=10.0, **more):
    status = more.get("status", "ok")
    facts = {"table": "adult", "method": method, "epsilon": epsilon, "seed": seed}
    facts |= {"status": status, "harness": "1"}
    if status != "ok":
        return facts | more
    figures: dict[str, float | None] = dict.fromkeys(("auroc_lr", "tvd1", "tvd3"), 0.5)
    figures |= {"auroc_gbm": auroc, "tvd2": 0.05}
    costs = {"cpu_seconds": cpu, "wall_seconds": 11.0, "peak_mb": 100}
    return facts | costs | {"measured": figures} | more


ROWS = (
    row("fairveil", 0.90),
    row("fairveil", 0.92, seed=1),
    row("fairveil", 0.94, epsilon=3.0),
    row("fairveil-paper", 0.99),
    row("a", 0.80, cpu=200.0),
    row("a", 0.85, epsilon=3.0),
    row("b", status="timeout"),
    row("real", 0.95, epsilon="inf"),
    row("independent", 0.5, epsilon="inf"),
    row("ctgan", 0.93, epsilon="inf"),
)


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """The figures by name, beside the files."""

    def draw(*rows):
        kept = []
        svg = plots._svg
        monkeypatch.setattr(plots, "_svg", lambda f: kept.append(f) or svg(f))
        found = plots.draw(rows, tmp_path / "page")
        monkeypatch.setattr(plots, "_svg", svg)
        return dict(zip([name for name, _ in found], kept, strict=True))

    return draw


def points(axes):
    """Marked points of a panel: x and y."""
    lines = [line for line in axes.lines if line.get_marker() not in ("None", None)]
    return [tuple(xy) for line in lines for xy in line.get_xydata().tolist()]


def test_the_dots_stand_at_the_means_with_their_intervals_and_ends(drawn):
    upper, lower = drawn(*ROWS)["dots.svg"].axes
    names = [text.get_text() for text in upper.get_yticklabels()]
    assert names == ["b", "a", "fairveil"]  # best on top, unfinished at the bottom
    assert sorted(points(upper)) == [(0.80, 1.0), (pytest.approx(0.91), 2.0)]
    assert sorted(points(lower)) == [(0.05, 1.0), (0.05, 2.0)]
    means = summary(ROWS)
    own = means[(means["method"] == "fairveil") & (means["epsilon"] == 1.0)].iloc[0]
    bars = [line for line in upper.lines if line.get_linewidth() == 1.6]
    assert [list(bar.get_xdata()) for bar in bars] == [
        [own["auroc_gbm_low"], 1.0]  # of two runs so wide that it would leave 0..1
    ]
    ends = {line.get_linestyle(): line.get_xdata()[0] for line in upper.lines[-2:]}
    assert ends == {"--": 0.95, ":": 0.5}
    assert [text.get_text() for text in upper.texts] == ["timeout 1"]
    assert upper.get_xlabel() == "AUROC (right is better)"
    assert lower.get_xlabel() == "2-way TVD (left is better)"


def test_many_tables_wrap_into_blocks_of_two_rows(drawn):
    rows = [row("a", 0.5 + i / 100, table=f"t{i}") for i in range(5)]
    axes = drawn(*rows)["dots.svg"].axes
    titled = [each.get_title() for each in axes if each.get_title()]
    assert titled == [f"t{i}" for i in range(5)]
    assert len(axes) == 10


def test_the_budgets_are_joined_by_method_and_named_once(drawn):
    (axes,) = drawn(*ROWS)["budgets.svg"].axes
    assert sorted(points(axes)) == [
        (1.0, 0.80),
        (1.0, pytest.approx(0.91)),
        (3.0, 0.85),
        (3.0, 0.94),
    ]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "3"]
    assert axes.get_xscale() == "log"


def test_one_legend_names_the_methods_and_no_line_leads_to_a_name(drawn):
    figures = drawn(*ROWS)
    for name in ("budgets.svg", "costs.svg"):
        (legend,) = figures[name].legends
        texts = [text.get_text() for text in legend.get_texts()]
        assert texts == ["fairveil", "a"]
        (axes,) = figures[name].axes
        assert list(axes.texts) == []  # annotations, too


def test_several_seeds_have_intervals_over_budgets_and_costs(drawn):
    figures = drawn(*ROWS)
    means = summary(ROWS)
    own = means[(means["method"] == "fairveil") & (means["epsilon"] == 1.0)].iloc[0]
    for name, at in (("budgets.svg", 1.0), ("costs.svg", 10.0)):
        (axes,) = figures[name].axes
        bars = [line for line in axes.lines if line.get_linewidth() == 3]
        found = [(list(bar.get_xdata()), list(bar.get_ydata())) for bar in bars]
        assert found == [([at, at], [own["auroc_gbm_low"], 1.0])]


def test_a_table_without_a_peers_run_is_left_out_and_told(drawn, tmp_path):
    rows = [row("fairveil", 0.7, table="alone"), *ROWS]
    rows += [row("fairveil", 0.8, table="alone", epsilon=3.0)]
    rows += [row("a", status="timeout", table="alone")]
    for figure in drawn(*rows).values():
        titles = [axes.get_title() for axes in figure.axes]
        assert "alone" not in titles
        assert "adult" in titles
    for _, words in plots.draw(rows, tmp_path):
        assert "(no peer has a run, left out: alone)" in words
    alone = [each for each in rows if each["table"] == "alone"]
    assert plots.draw(alone, tmp_path / "none") == []


def test_a_single_point_has_no_panel_of_costs(drawn):
    rows = [row("a", 0.8), row("a", 0.8, table="bank"), row("b", 0.7, table="bank")]
    figures = drawn(*rows)
    assert [axes.get_title() for axes in figures["costs.svg"].axes] == ["bank"]
    assert "costs.svg" not in drawn(rows[0])


def test_a_method_that_was_not_run_on_a_table_says_so(drawn):
    rows = [row("a", 0.8), row("b", 0.7), row("a", 0.8, table="bank")]
    upper = drawn(*rows)["dots.svg"].axes
    told = {axes.get_title(): [t.get_text() for t in axes.texts] for axes in upper[:2]}
    assert told == {"adult": [], "bank": ["not run"]}


def test_what_is_worse_than_the_floor_is_shaded(drawn):
    upper, lower = drawn(*ROWS)["dots.svg"].axes
    for axes, spans in ((upper, (axes_low(upper), 0.5)), (lower, (0.05, None))):
        (shade,) = axes.patches
        left, right = shade.get_x(), shade.get_x() + shade.get_width()
        high = axes.get_xlim()[1] if spans[1] is None else spans[1]
        assert (left, right) == pytest.approx((spans[0], high))


def axes_low(axes):
    return axes.get_xlim()[0]


@pytest.mark.parametrize(
    ("count", "width"), [(1, 1), (4, 4), (5, 3), (8, 4), (9, 3), (12, 4)]
)
def test_panels_leave_few_places_empty(count, width):
    assert plots._width(count) == width


def test_the_costs_stand_at_cpu_seconds_of_the_shown_budget(drawn):
    (axes,) = drawn(*ROWS)["costs.svg"].axes
    assert sorted(points(axes)) == [(10.0, pytest.approx(0.91)), (200.0, 0.80)]
    assert axes.get_xscale() == "log"


def test_fairveil_stands_out_and_no_two_methods_look_alike():
    looks = plots._looks([*"abcdefgh", "fairveil"])
    seen = {(look["color"], look["marker"]) for look in looks.values()}
    assert len(seen) == 9
    peers = [look for name, look in looks.items() if name != "fairveil"]
    assert all(look["lw"] < looks["fairveil"]["lw"] for look in peers)
    assert all(look["color"] != looks["fairveil"]["color"] for look in peers)


def test_without_the_usual_budget_the_one_most_run_is_shown(drawn, tmp_path):
    rows = [row("a", 0.8, epsilon=3.0), row("a", 0.7, epsilon=8.0)]
    rows += [row("b", 0.9, epsilon=8.0), row("b", status="failed", epsilon=1.0)]
    rows += [row("c", status="timeout", epsilon=3.0, seed=s) for s in range(3)]
    upper, _ = drawn(*rows)["dots.svg"].axes
    assert sorted(points(upper)) == [(0.7, 0.0), (0.9, 1.0)]


def test_a_plot_without_its_data_is_skipped_and_an_old_one_removed(tmp_path):
    plots.draw(ROWS, tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    found = plots.draw([r for r in ROWS if r["epsilon"] != 3.0], tmp_path)
    assert [name for name, _ in found] == ["dots.svg", "costs.svg"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["costs.svg", "dots.svg"]


def test_free_methods_and_unfinished_runs_alone_draw_nothing(tmp_path):
    rows = [row("ctgan", 0.9, epsilon="inf"), row("a", status="timeout")]
    assert plots.draw(rows, tmp_path / "page") == []
    assert not (tmp_path / "page").exists()


def test_the_words_name_what_is_shown(tmp_path):
    words = dict(plots.draw(ROWS, tmp_path))
    assert "at epsilon 1: AUROC" in words["dots.svg"]
    assert "3 private methods on adult" in words["dots.svg"]
    assert "2 private methods on adult" in words["budgets.svg"]
    assert "2 private methods on adult" in words["costs.svg"]


def test_the_same_rows_give_the_same_bytes_whatever_the_user_set(tmp_path):
    plots.draw(ROWS, tmp_path / "one")
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        plots.draw(ROWS, tmp_path / "two")
        assert mpl.rcParams["font.size"] == 30  # and it is given back
    for path in (tmp_path / "one").iterdir():
        data = path.read_bytes()
        assert data == (tmp_path / "two" / path.name).read_bytes()
        assert b"<dc:date>" not in data
        assert ET.fromstring(data).tag.endswith("svg")


def test_other_rows_give_other_bytes(tmp_path):
    plots.draw(ROWS, tmp_path / "one")
    plots.draw([*ROWS[1:], row("fairveil", 0.7)], tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() != (tmp_path / "two" / path.name).read_bytes()


def test_no_words_overlap(drawn):
    rows = [
        row(f"method-{m}", 0.8 + m / 5000, epsilon=e, cpu=10.0 * 3**m, table=t)
        for m in range(9)
        for e in (1.0, 3.0)
        for t in ("adult", "health_insurance_meps", "compas")
    ]
    rows += [row("real", 0.81, epsilon="inf"), row("slow", status="timeout")]
    figures = drawn(*rows)
    assert len(figures) == 3
    for name, figure in figures.items():
        figure.draw_without_rendering()  # at the resolution the boxes are in
        words = [text for axes in figure.axes for text in _words(axes)]
        boxes = [(text.get_text(), text.get_window_extent()) for text in words]
        for (one, box), (other, there) in itertools.combinations(boxes, 2):
            assert not box.overlaps(there), (name, one, other)


def _words(axes):
    words = [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
    for axis in (axes.xaxis, axes.yaxis):
        low, high = axis.get_view_interval()  # ticks beyond it are not drawn
        ticks = axis.get_major_ticks()
        words += [tick.label1 for tick in ticks if low <= tick.get_loc() <= high]
    return [each for each in words if each.get_text() and each.get_visible()]


@pytest.mark.parametrize(
    ("span", "ticks"),
    [
        ((60, 210), [60, 100, 150, 200]),
        ((30, 500), [50, 100, 200, 500]),
        ((28, 4000), [30, 100, 300, 1000, 3000]),
        ((1, 90000), [1, 10, 100, 1000, 10000, 100000]),
        ((277, 277), [300]),
        ((237, 237), [240]),
    ],
)
def test_ticks_are_round_and_fewer_the_further_they_span(span, ticks):
    assert plots._round_numbers(*span) == pytest.approx(ticks)


def test_a_missing_library_is_told_with_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(plots, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=re.escape("pip install fairveil[bench]")):
        plots.draw(ROWS, tmp_path / "page")
    assert not (tmp_path / "page").exists()
