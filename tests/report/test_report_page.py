"""The page: whole, escaped, without a network; it says that it is confidential."""

import json
import re
from types import SimpleNamespace

import pytest

from fairveil.evaluate import privacy_risks
from fairveil.report import glance, words
from fairveil.report.page import figure, rendered
from page_reader import read_page

HOSTILE = "</svg><script>alert(1)</script>\"'&$x_1$\n\u202e"


@pytest.fixture(scope="module")
def html(made):
    return made.html()


@pytest.fixture(scope="module")
def read(html):
    return read_page(html)


def test_it_asks_nothing_of_a_network(html, read):
    assert not re.search(r"https?:|//[a-z]|@import|url\(|<script|<link|<img", html)
    policy = next(m for m in read.all("meta") if "http-equiv" in m)["content"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    ids = {attrs["id"] for _, attrs in read.seen if "id" in attrs}
    links = {attrs["href"] for attrs in read.all("a")}
    assert links
    assert all(link[0] == "#" and link[1:] in ids for link in links)
    used = {a["xlink:href"] for a in read.all("use") if "xlink:href" in a}
    assert all(link[0] == "#" and link[1:] in ids for link in used)
    assert not [a for _, attrs in read.seen for a in attrs if a.startswith("on")]


def test_it_is_stamped_in_its_head_its_title_and_on_each_printed_page(html, read):
    said = "CONFIDENTIAL: computed from real rows"
    assert f"<title>{said}" in html
    assert f'@top-center {{ content: "{said}"' in html
    assert said in "".join(read.text[read.text.index("Skip to the content") :])
    assert "noindex" in html


def test_charts_follow_the_colours_of_the_page(html, read):
    assert html.count('<svg class="chart"') > 12
    charts = re.findall(r'<svg class="chart".*?</svg>', html, flags=re.DOTALL)
    assert not [c for c in charts if re.search(r"#[0-9a-fA-F]{6}\b", c)]
    assert all("var(--" in c and 'aria-label="' in c for c in charts)


def test_each_part_and_each_column_is_there(html, read):
    text = " ".join(" ".join(read.text).split())
    for part in (
        "At a glance", "Warnings", "Pairs and triples of columns", "Usefulness",
        "Groups: who is served, and who pays", "Fairness before and after",
        "Privacy risks", "How the fit went", "Decision", "Singling out", "Linkability",
        "Inference", "Membership", "a check of sanity, no guarantee",
    ):  # fmt: skip
        assert part in text, part
    assert "Survey &lt;b&gt;" in html
    assert "Survey <b>" not in html
    fields = len(read.all("input")) + len(read.all("textarea"))
    assert fields > 15
    assert len(read.all("label")) == fields


def test_hostile_names_and_values_stay_text(facts):
    told = json.dumps(facts)
    quoted = json.dumps(HOSTILE)[1:-1]
    for word in ("city", "north", "sex", "member"):
        told = told.replace(f'"{word}"', f'"{quoted}{word}"')
    told = told.replace("sex x city", f"{quoted}sex x {quoted}city")
    html = rendered(json.loads(told.replace(f'"{quoted}sex":', '"sex":')))
    read = read_page(html)
    assert read.all("script") == []
    assert "alert(1)" in "".join(read.text)


@pytest.fixture
def undrawn(monkeypatch):
    """Charts stay blank, where a test is about the rest of the page."""
    blank = '<svg class="chart"></svg>'
    monkeypatch.setattr("fairveil.report.draw.inline", lambda _: blank)


@pytest.mark.parametrize("absent", ["risks", "target", "groups", "all"])
def test_a_report_of_less_is_a_page_too(facts, undrawn, absent):
    block = facts["evaluation"]
    if absent in ("risks", "all"):
        facts["risks"] = None
    if absent in ("target", "all"):
        block |= {"utility": {}, "outcome": {}, "target": None}
    if absent in ("groups", "all"):
        names = ("outcome", "dependence", "honesty", "group_fidelity")
        block |= {
            **{name: {} for name in names},
            "probe": {"synthetic": [], "real": []},
        }
        facts["fit"]["fairness"]["sensitive"] = []
    facts["warnings"] = []
    read = read_page(rendered(facts))
    text = " ".join(" ".join(read.text).split())
    assert ("No attack was made." in text) is (absent in ("risks", "all"))
    assert ("No target was named" in text) is (absent in ("target", "all"))


def test_without_control_rows_it_says_in_words_what_is_lacking(
    facts, undrawn, tiny_table
):
    found = privacy_risks(tiny_table, tiny_table.head(200), seed=1).to_dict()
    facts["risks"], facts["identity"]["control"] = found, False
    text = " ".join(" ".join(read_page(rendered(facts)).text).split())
    assert "No attack can be judged: there are no control rows." in text
    assert "fairveil report --control control.csv" in text
    assert "This attack could not be tried: it compares training rows with" in text
    assert not re.search(r"right -|\b0 attempts|no control(?! rows)", text)
    lines = {one["question"]: one for one in glance.lines(facts)}
    told = lines["Do they tell who was in the table?"]
    assert told["answer"] == "not tried: there are no control rows"
    first = lines["Do the rows tell what is true of one person only?"]
    assert first["answer"] == "not known: there are no control rows"
    assert re.search(r"[1-9]\d* attempts; 2 attacks", first["n"])
    assert lines["Do they link two records of one person?"]["n"].endswith("1 attack")


def test_a_fit_that_is_not_private_is_stamped_first(facts, undrawn):
    facts["fit"]["private"] = False
    html = rendered(facts)
    assert html.index("NOT PRIVATE") < html.index("CONFIDENTIAL")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "-"),
        ("not enough data", "not enough data"),
        (0.12345, "0.123"),
        ({"value": None, "interval": {"low": None, "high": None}}, "-"),
        ({"value": 0.5, "interval": {"low": 0.4, "high": 0.6}}, "0.500 (0.400 to 0.600)"),  # noqa: E501  (a case a line)
    ],
)  # fmt: skip
def test_figures_in_words(found, said):
    assert figure(found) == said


def _said(mode, **more):
    return {"mode": mode, "sensitive": ["sex"], "target": "pay", "proxies": 0.0, **more}


def _warned(said, *columns):
    far = SimpleNamespace(columns=columns, error=0.5, noise_high=0.01)
    errors = [SimpleNamespace(sets=[far], worst=[far])]
    return " ".join(words._of_pairs(errors, SimpleNamespace(fairness=said)))


@pytest.mark.parametrize(
    ("mode", "moved"),
    [
        (None, set()),
        ("redraw", {"sex"}),
        ("independence", {"sex"}),
        ("outcome", {"sex", "pay"}),
    ],
)
def test_pairs_that_a_promise_moves_are_no_warning(mode, moved):
    said = _said(mode)
    assert words.moved(said) == moved
    for other in ("sex", "pay"):
        assert bool(_warned(said, "age", other)) is (other not in moved)
    assert "though no promise moves them: age x city" in _warned(said, "age", "city")
    assert "loosened proxies" in _warned(_said(mode, proxies=0.5), "age", "city")


def test_errors_apart_leave_out_what_the_promise_moves(facts):
    facts["fit"]["fairness"] = _said("outcome", target="member")
    one = next(e for e in facts["errors"] if e["ways"] == 2)
    error, _ = glance.apart(one, {"sex", "member"})
    (line,) = (x for x in glance.lines(facts) if "pairs" in x["question"])
    assert f"without member and sex {error:.3f}" in line["figure"]
