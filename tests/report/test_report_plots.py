"""Pictures of a report: each is drawn, of these figures, in each kind of file."""

import html
import json
import re

import pytest

from fairveil.errors import ConfigError
from fairveil.report import charts, draw, plots

_SIGNS = {".svg": b"<?xml", ".png": b"\x89PNG"}


@pytest.mark.parametrize("kind", [k for k in plots.PLOTS if k != "frontier"])
def test_each_picture_is_drawn(facts, kind):
    found = plots.PLOTS[kind](facts)
    assert found
    for chart in found[:3]:
        text = draw.inline(chart)
        assert text.startswith('<svg class="chart"')
        assert text.endswith("</svg>")


def test_charts_stand_together_in_a_file(facts):
    data = draw.written(plots.columns(facts), ".svg", title="t", stamp="STAMP")
    assert data.startswith(_SIGNS[".svg"])
    assert data == draw.written(plots.columns(facts), ".svg", title="t", stamp="STAMP")


def test_a_png_is_one_and_the_same_twice(facts):
    found = plots.budget(facts)
    first = draw.written(found, ".png", title="Budget")
    assert first.startswith(_SIGNS[".png"])
    assert first == draw.written(found, ".png", title="Budget")


def test_what_is_not_there_is_not_drawn(facts):
    facts["risks"] = None
    facts["evaluation"] |= {"utility": {}, "outcome": {}, "group_fidelity": {}}
    facts["evaluation"]["probe"] = {"synthetic": []}
    facts["associations"] |= {"columns": ["a"], "real": [[1.0]], "synthetic": [[1.0]]}
    facts["errors"] = [one for one in facts["errors"] if one["ways"] == 1]
    facts["fit"]["stages"] = {}
    names = set(plots.PLOTS) - {"columns", "stages"}
    assert {name for name in names if plots.PLOTS[name](facts)} == set()


def test_the_worst_pairs_come_first(facts):
    pairs = next(one for one in facts["errors"] if one["ways"] == 2)
    worst = max(pairs["sets"], key=lambda one: one["error"] - one["noise"])
    text = draw.inline(plots.errors(facts)[0])
    first = text.index(draw.label(" x ".join(worst["columns"]), 30))
    assert all(
        first <= text.index(draw.label(" x ".join(one["columns"]), 30))
        for one in pairs["sets"]
        if draw.label(" x ".join(one["columns"]), 30) in text
    )


def _candidate(mode, loss, unfair, pareto, *, strength=1.0, proxies=0.0):
    settings = {"mode": mode, "strength": strength, "proxies": proxies, "blind": 0.5}
    figures = {"loss": loss, "unfairness": unfair, "people": None}
    return {"pareto": pareto, "fit": "a", **figures, "settings": settings}


def test_a_frontier_rings_this_release(facts):
    facts["frontier"] = {
        "candidates": [
            _candidate("independence", 0.1, 0.01, ["hidden"]),
            _candidate("independence", 0.05, 0.2, ["hidden"], strength=0.5),
            _candidate("redraw", 0.3, 0.3, []),
            _candidate("redraw", 0.3, 0.3, [], proxies=0.5),  # ranked elsewhere
            _candidate("outcome", 0.2, 0.1, ["parity"]),
        ]
    }
    hidden, parity = plots.frontier(facts)
    assert (hidden.title, parity.title) == ("Frontier: hidden", "Frontier: parity")
    assert "this release" in draw.inline(hidden)
    assert "this release" not in draw.inline(parity)


@pytest.mark.parametrize("kind", plots.PLOTS)
def test_no_title_is_cut_off(kind):
    narrow = charts.cloud({"a": [(0.1, 0.2)]}, title="t", x="x", y="y")
    made = draw.sheet([narrow], title=plots.TITLES[kind])
    made.draw_without_rendering()
    box, page = made.get_tightbbox(), made.bbox_inches
    assert page.x0 <= box.x0
    assert box.x1 <= page.x1


def test_no_frontier_is_drawn_by_a_measure_that_did_not_rank(facts):
    """Without loose proxies 'people' is known of a release, and ranks nothing."""
    known = _candidate("redraw", 0.1, 0.2, ["hidden"]) | {"people": 1.0}
    facts["frontier"] = {"candidates": [known]}
    assert [one.title for one in plots.frontier(facts)] == ["Frontier: hidden"]
    known["pareto"] = ["hidden", "people"]
    assert len(plots.frontier(facts)) == 2


def test_a_beaten_release_looks_so_where_no_other_kind_is():
    def look(**groups):
        return draw.inline(charts.cloud(groups, title="t", x="x", y="y"))

    point = [(0.1, 0.2)]
    assert "var(--second)" in look(best=[], beaten=point)
    assert "var(--second)" not in look(best=point, beaten=[])


def test_lost_association_is_told_by_shape_too():
    values = [[1.0, -0.5], [-0.5, 1.0]]
    lost = draw.inline(charts.heat(values, ["a", "b"], title="t"))
    kept = draw.inline(charts.heat([[1, 0.5], [0.5, 1]], ["a", "b"], title="t"))
    assert "var(--second)" in lost
    assert "var(--second)" not in kept
    assert lost.count("<path") > kept.count("<path")  # the stripe
    unknown = draw.inline(charts.heat([[1, None], [None, 1]], ["a", "b"], title="t"))
    assert ">-</text>" in unknown


def test_labels_are_one_printable_line():
    assert draw.label("a\nb\u202ec") == "a·b·c"
    assert draw.label("x" * 50) == "x" * 21 + "…"
    line = charts.Line("$a_b$ <&>", (charts.Mark(0.5),))
    text = draw.inline(charts.dots([line], title='"<t>', x="x", series=charts.BOTH[1:]))
    assert "$a_b$ &lt;&amp;&gt;" in text
    assert 'aria-label="&quot;&lt;t&gt;"' in text


def test_a_text_of_a_table_is_shown_as_it_is():
    names = ["3.14159", "#1b1f24", 'clip-path="x"', "font: 9px x"]
    line = [charts.Line(name, (charts.Mark(0.12345),)) for name in names]
    text = draw.inline(charts.dots(line, title="t", x="x", series=charts.BOTH[1:]))
    shown = {
        html.unescape(t).strip() for t in re.findall(r"<text[^>]*>(.*?)</text>", text)
    }
    assert shown >= set(names)


@pytest.mark.parametrize("figure", ["few rows", None, {"value": None}, float("nan")])
def test_no_figure_is_no_mark(figure):
    assert charts.Mark.of(figure) is None


def test_a_mark_keeps_its_interval():
    found = {"value": 0.2, "interval": {"low": 0.1, "high": 0.3}}
    assert charts.Mark.of(found) == charts.Mark(0.2, 0.1, 0.3)
    assert charts.Mark.of(0.2) == charts.Mark(0.2)


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="SVG or a PNG"):
        draw.check(tmp_path / "x.jpg")
    assert draw.check("x.SVG") == ".svg"


def test_facts_are_plain(facts):
    json.dumps(facts, allow_nan=False)
