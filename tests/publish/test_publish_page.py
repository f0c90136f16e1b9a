"""The page: whole, escaped, without a network, readable by machines that read aloud."""

import itertools
import re

import pytest

from fairveil.errors import ConfigError
from fairveil.publish import page, pictures
from page_reader import read_page


@pytest.fixture(scope="module")
def html(certificate):
    return certificate.html()


@pytest.fixture(scope="module")
def read(html):
    return read_page(html)


def test_it_asks_nothing_of_a_network(html, read):
    assert not re.search(
        r"https?:|//[a-z]|@import|url\(|<script|<link|<img|<iframe", html
    )
    policy = next(m for m in read.all("meta") if "http-equiv" in m)["content"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert not [a for _, attrs in read.seen for a in attrs if a.startswith("on")]
    assert {a["href"] for a in read.all("a")} == {"#content"}


def test_what_the_caller_wrote_is_escaped(html):
    assert "Survey &lt;b&gt;" in html
    assert "Survey <b>" not in html


def test_it_reads_aloud_and_by_keyboard(read):
    assert read.all("html") == [{"lang": "en"}]
    assert len(read.all("h1")) == len(read.all("main")) == 1
    levels = [int(tag[1]) for tag, _ in read.seen if re.fullmatch("h[1-6]", tag)]
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
    tables = len(read.all("table"))
    assert tables >= 4
    assert len(read.all("caption")) == tables
    assert all("scope" in attrs for attrs in read.all("th"))
    for svg in read.all("svg"):
        named = svg.get("role") == "img" and svg["aria-label"]
        assert named or svg["aria-hidden"] == "true"
    scrolled = [d for d in read.all("div") if "wide" in d.get("class", "")]
    assert len(scrolled) == tables
    assert all(d["tabindex"] == "0" and d["aria-label"] for d in scrolled)
    ids = [attrs["id"] for _, attrs in read.seen if "id" in attrs]
    assert len(ids) == len(set(ids))
    named = {s["aria-labelledby"] for s in read.all("section")}
    assert named <= set(ids)


def test_marks_are_first_and_on_every_printed_page(html, read):
    text = " ".join(" ".join(read.text).split())
    assert text.index("SYNTHETIC") < text.index("Survey")
    assert '@top-center { content: "SYNTHETIC"' in html
    assert "<title>SYNTHETIC: certificate of Survey &lt;b&gt;</title>" in html


def test_equal_facts_give_equal_pages(certificate, html):
    assert certificate.html() == html


def test_the_page_shows_what_the_json_says(facts, read):
    text = " ".join(" ".join(read.text).split())
    assert facts["promise"]["sentence"] in text
    for line in facts["fairness"]["does_not_give"] + facts["uses"]["unfit"]:
        assert line in text
    for entry in facts["distortions"]:
        assert entry["text"] in text
    for name in ("model", "schema", "output"):
        assert facts["hashes"][name] in text
    highest = facts["attacker"]["beliefs"][1]["highest"]
    assert page.percent(highest).replace("\u00a0", " ") in text
    looks = sum(row["times"] for row in facts["budget"]["events"])
    times = [int(t.replace(",", "")) for t in times_of(read)]
    assert sum(times) == looks


def times_of(read):
    """The column "times" of the table of looks, from the text of the page."""
    text = [t.strip() for t in read.text if t.strip()]
    start = len(text) - 1 - text[::-1].index("times") + 2  # behind "share"
    cells = text[start : text.index("Sources:")]
    return cells[5::7]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "-"),
        ("inf", "infinite"),
        (12345, "12,345"),
        (0.0, "0"),
        (0.123456, "0.1235"),
        (1234.5, "1,234"),
        (1e-9, "1e-09"),
    ],
)
def test_numbers_for_readers(value, said):
    assert page.number(value) == said


def test_unknown_stamps_are_refused():
    with pytest.raises(ConfigError):
        page.render("certificate.html", stamps=("secret",))


def test_a_bar_is_as_wide_as_its_share():
    assert 'class="fill" width="25"' in pictures.share(0.25)
    bar = pictures.interval(0.2, 0.6, mark=0.4, chance=0.1)
    assert 'class="range" x="20" y="2.5" width="40"' in bar
    assert 'class="mark" x="40"' in bar
    assert 'class="chance" width="10"' in bar


def test_curves_are_drawn_to_scale_and_escaped():
    svg = pictures.curves(
        [("<a>", [(0.0, 0.0), (1.0, 1.0)])],
        title='"t"',
        x="<x>",
        y="y",
        mark=(0.5, 0.5),
    )
    reader = read_page(svg)
    (line,) = reader.all("polyline")
    (x0, y0), (x1, y1) = (map(float, p.split(",")) for p in line["points"].split())
    frame = next(r for r in reader.all("rect") if r["class"] == "frame")
    assert x1 - x0 == pytest.approx(float(frame["width"]))
    assert y0 - y1 == pytest.approx(float(frame["height"]))
    (ring,) = reader.all("circle")
    assert float(ring["cx"]) == pytest.approx((x0 + x1) / 2)
    assert "&lt;a&gt;" in svg
    assert "&lt;x&gt;" in svg
    assert "<a>" not in svg


@pytest.mark.parametrize(
    "call",
    [
        lambda: pictures.share(1.2),
        lambda: pictures.share(float("nan")),
        lambda: pictures.interval(0.0, 2.0, mark=0.5),
        lambda: pictures.curves([], title="t", x="x", y="y"),
        lambda: pictures.curves([("a", [(0.0, 7.0)])], title="t", x="x", y="y"),
    ],
)
def test_pictures_refuse_what_they_cannot_show(call):
    with pytest.raises(ConfigError):
        call()
