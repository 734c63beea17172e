"""Pictures of the page for the documentation: ``python -m benchmarks.screenshots`` writes docs/images/*.png.

They show the seeds that ship with SeedQA and a PDF document, the default model, and a browser that the system has.
"""

from __future__ import annotations

import shutil
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

from benchmarks.browser import browsing, serving
from benchmarks.server import ROOT
from index import build, load_encoder
from index.encode import DEFAULT_MODEL
from qa.config import read_settings
from qa.page import texts

IMAGES = ROOT / "docs" / "images"
WIDE = {"width": 1280, "height": 920}
PHONE = {"width": 390, "height": 844}

COLOURS = 200
"""Of a picture: a third of the bytes, and no difference to be seen."""

QUESTION = "What is a citation link?"
UNKNOWN = "Who won the world cup in 2022?"
CHANGED = "handbook/questions.md"

PDF = "harbour/rules.pdf"
PDF_QUESTION = "How far off the mole does the pilot board?"
PDF_TITLE, PDF_AUTHOR = "Rules of the harbour", "The harbour office"
PDF_TEXT = (
    ("Title", PDF_TITLE),
    ("Heading2", "1. Arrival"),
    ("BodyText", "Every ship of more than forty metres reports to the harbour office on channel 12 before it passes "
     "the outer buoy, and says where it comes from, how deep it lies, and what it carries. Smaller ships report at "
     "the mole."),
    ("BodyText", "From the outer buoy on the speed is six knots at most. In fog it is three, and the horn sounds once "
     "in every minute."),
    ("Heading2", "2. Pilots"),
    ("BodyText", "An arriving ship takes a pilot if it is longer than sixty metres or carries oil. The pilot boards "
     "two miles off the mole, on the side away from the wind, by a ladder that hangs one metre above the water. "
     "The ship keeps its course and four knots until the pilot stands on deck."),
    ("BodyText", "A ship that leaves has its pilot on board before the last line is cast off. In a storm from the "
     "north-west no pilot goes out: ships wait in the lee of the island."),
    ("Heading2", "3. Dues"),
)  # fmt: skip
PDF_DUES = (("Length of the ship", "A day", "A month"), ("up to 20 m", "12", "240"), ("up to 60 m", "55", "1,100"),
            ("more", "130", "2,600"))  # fmt: skip


class Camera:
    """Takes pictures of the page in windows of its own."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self._page: Page | None = None

    def open(self, **settings: Any) -> Page:
        """Open the page in a new window and wait until it is drawn."""
        self.close()
        page = self._browser.new_page(**{"viewport": WIDE, "color_scheme": "light", **settings})
        page.goto(self._url)
        expect(page.locator("#sq-chips .sq-chip").first).to_be_visible()
        self._page = page
        return page

    def ask(self, question: str) -> None:
        """Ask and wait for the answer."""
        assert self._page is not None
        self._page.locator("#sq-question textarea").fill(question)
        self._page.keyboard.press("Enter")
        expect(self._page.locator("#sq-heading")).to_have_text(question)

    def take(self, name: str, *, full: bool = False) -> None:
        """Write the picture and say how large it is."""
        assert self._page is not None
        self._page.mouse.move(0, 0)
        self._page.evaluate("document.activeElement.blur()")
        target = IMAGES / name
        picture = self._page.screenshot(full_page=full, animations="disabled", caret="hide")
        drawn = Image.open(BytesIO(picture)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        drawn.save(target, optimize=True)
        print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1024:.0f} KB")

    def close(self) -> None:
        """Close the window."""
        if self._page is not None:
            self._page.close()


def take_all(camera: Camera) -> None:
    """Take one picture of each state."""
    page = camera.open()
    camera.ask(QUESTION)
    page.locator("#sq-card-1 .sq-why-box summary").click()
    page.evaluate("scrollTo(0, 0)")
    camera.take("answer.png")
    page.locator("#sq-card-1 .sq-why-box summary").click()
    page.locator("#sq-card-1").get_by_role("button", name=texts.OPEN).click()
    expect(page.locator(".sq-context mark")).to_be_in_viewport()
    camera.take("source.png")
    page = camera.open()
    camera.ask(PDF_QUESTION)
    page.locator("#sq-card-1").get_by_role("button", name=texts.OPEN).click()
    page.locator(".sq-sheet img").evaluate("image => image.decode()")
    expect(page.locator(".sq-box-evidence").first).to_be_in_viewport()
    camera.take("page.png")
    camera.open()
    camera.ask(UNKNOWN)
    camera.take("not-found.png")

    page = camera.open()
    page.get_by_role("tab", name=texts.INDEX_TAB).click()
    page.get_by_role("button", name=texts.REBUILD).click()
    expect(page.locator(".sq-outcome")).to_be_visible(timeout=120_000)
    page.evaluate("scrollTo(0, 0)")
    camera.take("index.png", full=True)

    page = camera.open(color_scheme="dark")
    camera.ask(QUESTION)
    page.locator("#sq-card-1").get_by_role("button", name=texts.OPEN).click()
    expect(page.locator(".sq-context mark")).to_be_in_viewport()
    camera.take("dark.png")

    camera.open(viewport=PHONE, has_touch=True, is_mobile=True)
    camera.ask(QUESTION)
    camera.take("phone.png")
    camera.close()


def write_pdf(path: Path) -> None:
    """Write a document of one page, as an office would."""
    styles = getSampleStyleSheet()
    body = [Paragraph(text, styles[style]) for style, text in PDF_TEXT]
    path.parent.mkdir()
    SimpleDocTemplate(str(path), pagesize=A4, title=PDF_TITLE, author=PDF_AUTHOR).build(
        [*body, Table(PDF_DUES, hAlign="LEFT", spaceBefore=6)]
    )


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    cache = read_settings({}, ROOT).cache
    with tempfile.TemporaryDirectory(prefix="seedqa-") as folder:
        seeds, index = Path(folder, "seeds"), Path(folder, "index")
        shutil.copytree(ROOT / "seeds", seeds)
        write_pdf(seeds / PDF)
        text = (seeds / CHANGED).read_text("utf-8")
        (seeds / CHANGED).write_text(text.rpartition("\n## ")[0], "utf-8")  # an older edition, so that much changes
        build(seeds, index, load_encoder(DEFAULT_MODEL, cache))
        (seeds / CHANGED).write_text(text, "utf-8")
        with serving(index, cache) as server, browsing() as browser:
            take_all(Camera(browser, server.url))


if __name__ == "__main__":
    main()
