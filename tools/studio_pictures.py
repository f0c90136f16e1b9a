"""Draw docs/studio/*.png: the studio on the embedded Adult table, in Chromium.

    python tools/studio_pictures.py   # make studio-pictures; some ten minutes

It needs Chromium on the path, and the extras of the tests. One fit at epsilon 1 is made
as a steward would make it, in a temporary folder; its noise differs each time.
"""  # noqa: INP001  (a script, not a package)

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from fairveil.datasets import adult_schema, load_adult
from fairveil.studio.desk import Desk
from fairveil.studio.server import Studio

HOME = Path(__file__).resolve().parents[1] / "docs" / "studio"
PATIENCE = 3_600_000  # milliseconds


def clicked_through(page: Page, address: str, folder: Path) -> None:
    """All questions, the fit, and a comparison of releases."""

    def go() -> None:
        page.get_by_role("button", name="Go on").click()
        page.wait_for_load_state()

    load_adult().to_csv(folder / "adult.csv", index=False)
    adult_schema().save(folder / "code-book.json")
    page.goto(address)
    page.fill("#table", str(folder / "adult.csv"))
    page.get_by_role("button", name="Read its columns").click()
    page.wait_for_url("**/unit")
    page.check("input[value=row]")
    go()
    page.check("input[value=codebook]")
    page.fill("#codebook", str(folder / "code-book.json"))
    go()
    for name in ("sex", "race"):
        page.get_by_label(name, exact=True).select_option("sensitive")
    page.select_option("#target", "income")
    go()
    page.check("input[value=public]")
    page.fill("#name", "Adult census")
    go()
    page.get_by_role("button", name="Show what this means").click()
    page.wait_for_load_state()
    page.screenshot(path=HOME / "budget.png")
    go()
    page.check("input[name=agreed]")
    page.get_by_role("button", name="Spend").click()
    page.wait_for_url("**/dial")
    page.select_option("#positive", ">50K")
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/work")
    page.wait_for_url("**/dial")
    page.locator("#slider").press("End")
    # without the footer, which names a folder of this machine
    page.locator("main").screenshot(path=HOME / "dial.png")


def main() -> None:
    """Write the pictures."""
    HOME.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1040, "height": 1000})
        page.set_default_timeout(PATIENCE)
        with Studio(Desk()).serving() as address:
            clicked_through(page, address, Path(folder))
        browser.close()


if __name__ == "__main__":
    main()
