"""Pictures of the page for the documentation: ``python -m benchmarks.screenshots`` writes docs/images/*.png.

They show the seeds that ship with SeedQA, the default model, and a browser that the system has.
"""

from __future__ import annotations

import shutil
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect

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


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    cache = read_settings({}, ROOT).cache
    with tempfile.TemporaryDirectory(prefix="seedqa-") as folder:
        seeds, index = Path(folder, "seeds"), Path(folder, "index")
        shutil.copytree(ROOT / "seeds", seeds)
        text = (seeds / CHANGED).read_text("utf-8")
        (seeds / CHANGED).write_text(text.rpartition("\n## ")[0], "utf-8")  # an older edition, so that much changes
        build(seeds, index, load_encoder(DEFAULT_MODEL, cache))
        (seeds / CHANGED).write_text(text, "utf-8")
        with serving(index, cache) as server, browsing() as browser:
            take_all(Camera(browser, server.url))


if __name__ == "__main__":
    main()
