"""From a file to the internal report in headless Chromium, by keyboard alone.

One run with tiny sizes: each page is checked with axe-core's rules, in light and dark,
at 1280 and 390 pixels. ``FAIRVEIL_STUDIO_SHOTS`` names a folder for screenshots.
"""

import os
import shutil
from importlib import resources
from pathlib import Path

import pytest
from studio_programs import TINY

from fairveil.privacy.book import Book
from fairveil.studio.desk import Desk
from fairveil.studio.server import Studio

CHROMIUM = shutil.which("chromium")
playwright = pytest.importorskip("playwright.sync_api", reason="no playwright")
axe = pytest.importorskip("axe_playwright_python", reason="no axe-core")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = f"axe.run(document, {{runOnly: {RULES}}})"
VALUES = (
    "quirkhollow",
    "vexmarch",
    "xantha",
    "zebulon",
    "nayword",
    "yeaword",
    "otherword",
)
SHOTS = os.environ.get("FAIRVEIL_STUDIO_SHOTS")
MINUTES = 600_000  # milliseconds that work may take on a machine that is shared


class Steward:
    """Somebody at a browser without a mouse.

    Attributes:
        asked: every address that the browser asked for.
        titles: of every page that was looked at.
        wrong: what axe-core, a console or a scroll bar has to say.
    """

    def __init__(self, page):
        self.page, self.asked, self.titles, self.wrong = page, [], [], []
        self._axe = (resources.files(axe) / "axe.min.js").read_text(encoding="utf-8")
        page.set_default_timeout(MINUTES)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.wrong.append(("script", str(error))))

    def tab_to(self, selector):
        """Press Tab until the element has the focus; a mouse is never used."""
        wanted = self.page.locator(selector).first
        for _ in range(400):
            if wanted.evaluate("e => e === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"no way by keyboard to {selector}")

    def type(self, selector, text):
        self.tab_to(selector)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def tick(self, selector):
        self.tab_to(selector)
        self.page.keyboard.press("Space")
        assert self.page.locator(selector).first.is_checked()

    def take(self, selector, text):
        """Choose in a list by typing the beginning of what it says."""
        self.tab_to(selector)
        self.page.keyboard.type(text)
        shown = "e => e.selectedOptions[0].textContent"
        assert self.page.locator(selector).evaluate(shown).startswith(text)

    def press(self, selector, *, to):
        """Press a button, and come to a page, which may be the same one again.

        The wait begins before the key: on a busy machine the old page, whose address
        may be the new one's, can still be read after it.
        """
        self.tab_to(selector)
        with self.page.expect_navigation(url=f"**/{to}"):
            self.page.keyboard.press("Enter")

    def look(self, name):
        """Check a page in both widths and both schemes."""
        self.titles.append(self.page.title())
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            for width in (1280, 390):
                self.page.set_viewport_size({"width": width, "height": 900})
                if SHOTS:
                    place = Path(SHOTS) / f"{name}-{width}-{scheme}.png"
                    self.page.screenshot(path=place, full_page=True)
                wide = self.page.evaluate("document.documentElement.scrollWidth")
                if wide > width:
                    self.wrong.append((name, f"{wide} pixels in {width}"))
            self.page.evaluate(self._axe)
            found = self.page.evaluate(AXE)["violations"]
            self.wrong += [(name, scheme, each["id"]) for each in found]
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size({"width": 1280, "height": 900})


@pytest.fixture(scope="module")
def context():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        context = browser.new_context()
        yield context
        browser.close()


def questions(steward, table):
    """All questions up to the confirmation; one answer has to be mended."""
    steward.look("table")
    steward.type("#table", str(table))
    steward.press("form[action=table] button", to="unit")
    steward.look("unit")
    steward.tick("input[name=person]")
    steward.press("form[action=unit] button", to="columns")
    assert steward.page.locator("input[name=anew][value=email]").is_checked()
    assert steward.page.locator("input[name=left]:checked").count() == 0
    steward.tab_to("section[aria-label=age] summary")
    steward.page.keyboard.press("Enter")
    steward.take("#kind-2", "a whole number")
    steward.type("#lower-2", "18")
    steward.press("form[action=columns] > p button", to="columns")
    assert "upper bound of age" in steward.page.locator("[role=alert]").inner_text()
    steward.look("columns")
    steward.type("#upper-2", "90")
    steward.tick("input[name=left][value=spare]")
    steward.press("form[action=columns] > p button", to="roles")
    steward.take("#role-1", "sensitive")
    steward.take("#target", "yes")
    steward.look("roles")
    steward.press("form[action=roles] button", to="readers")
    steward.tick("input[value=inside]")
    steward.type("#name", "People of 2026")
    steward.look("readers")
    steward.press("form[action=readers] button", to="budget")
    steward.type("#epsilon", "20")
    steward.type("#cap", "20")
    steward.press("button[value=look]", to="budget")
    told = steward.page.locator("tr.chosen").inner_text()
    assert told.startswith("20")
    steward.look("budget")
    steward.press("button[value=next]", to="confirm")


def spend_in_two_tabs(steward, context, address):
    """Both tabs show the same confirmation; the second comes too late."""
    second = context.new_page()
    second.goto(f"{address}confirm")
    second.locator("input[name=agreed]").check()
    steward.tick("input[name=agreed]")
    steward.press("form[action=confirm] button", to="work")
    with second.expect_response("**/confirm") as refused:
        second.locator("form[action=confirm] button").click()
    assert refused.value.status == 409
    second.close()


def choice(steward):
    """Compare, turn the dial to its end, and take that release."""
    steward.take("#positive", "yeaword")
    steward.look("compare")
    steward.press("form[action=explore] button", to="work")
    steward.page.wait_for_url("**/dial")
    steward.tab_to("#slider")
    steward.page.keyboard.press("End")
    assert steward.page.locator("input[data-point]:checked").count() == 1
    assert steward.page.locator("circle.now").count() == 1
    steward.look("dial")
    steward.type("#rows", "300")
    steward.press("form[action=choose] button", to="work")
    steward.page.wait_for_url("**/release")


def the_report(steward, context, address):
    """It is made after a box was ticked; nothing is left in the browser."""
    steward.look("release")
    steward.tick("input[name=agreed]")
    steward.press("form[action=report] button", to="work")
    steward.page.wait_for_url("**/release")
    steward.look("report")
    assert steward.page.goto(f"{address}file/1/certificate").status == 200
    assert steward.page.goto(f"{address}file/1/report").status == 200
    steward.page.goto(f"{address}release")
    kept = "[localStorage.length, sessionStorage.length, document.cookie]"
    assert steward.page.evaluate(kept) == [0, 0, ""]
    assert context.cookies() == []


def test_a_steward_comes_from_a_file_to_the_report(table, context, capfd):
    desk = Desk(TINY)
    server = Studio(desk)
    with server.serving() as address:
        steward = Steward(context.new_page())
        steward.page.goto(address)
        questions(steward, table)
        steward.look("confirm")
        assert not Path(f"{table}.ledger").exists()  # nothing was spent by asking
        spend_in_two_tabs(steward, context, address)
        steward.page.wait_for_url("**/dial")
        assert len(Book.open(f"{table}.ledger").fits()) == 1
        choice(steward)
        release = desk.place.release(1)
        assert not (release / "report.html").exists()  # not before it is asked for
        the_report(steward, context, address)
    assert steward.wrong == []
    own = address.rsplit("/", 2)[0]
    assert [url for url in steward.asked if not url.startswith(own)] == []
    place, spoken = desk.place.path, capfd.readouterr()
    told = [*steward.asked, *steward.titles, spoken.out, spoken.err]
    logs = ("journal.jsonl", "log.jsonl", "work.txt")
    told += [(place / name).read_text(encoding="utf-8") for name in logs]
    for value in VALUES:
        assert not [text for text in told if value in text], value
    done = [entry["what"] for entry in desk.place.journal()]
    order = ("spending confirmed", "releases compared", "release chosen")
    assert [what for what in done if what != "work ended"] == [*order, "report opened"]
    made = (release / "synthetic.csv").read_text("utf-8").splitlines()
    assert made[0] == "email,sex,age,town,yes"
    assert len(made) == 301
