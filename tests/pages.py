"""What the tests of the page share: seeds to read in a browser, and a reader who is watched for everything foreign."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from benchmarks.browser import MISSING, Server, find_browser
from qa import Answer
from qa.page import texts
from tests.conftest import ROOT

expect.set_options(timeout=10_000)  # milliseconds: machines that run tests are busy

needs_browser = pytest.mark.skipif(find_browser() is None, reason=MISSING)

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

GRADIO_WARNS = "Method not implemented."
"""By Gradio's own script after every upload: it closes a stream that it can't close."""

HOSTILE_NAME = "<img src=x onerror=hacked=1>.txt"
HOSTILE_LINES = (
    "The quokka wears <script>window.hacked = 1; alert(1)</script> on its hat.",
    '<img src=http://evil.example/x onerror="window.hacked=1"> <svg onload=alert(1)> </script></mark></article>',
    "[press](javascript:alert(1)) <a href='javascript:alert(1)'>press</a> <iframe src=//evil.example></iframe>",
    "${alert(1)} {{constructor.constructor('alert(1)')()}} {{{value}}} `${window.hacked = 1}` &lt;b&gt; &amp;amp;",
    "\u202esdrawkcab\u202c and \u2066isolated\u2069 \u200f marks of the quokka. <!-- -->",
)
"""What a document may hold to harm who reads it. Each line is to be seen as it is."""
HOSTILE = "\n".join(HOSTILE_LINES) + "\n"


def _filler(thing: str) -> str:
    return "\n\n".join(f"Entry {n} of the {thing} ledger counts {n * 7} barrels and {n * 3} ropes." for n in range(40))


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{line}</p>\n" for line in text.split("\n\n"))


LONG = {
    "text": (
        "extra/lighthouse.txt",
        f"{_filler('lighthouse')}\n\nThe keeper trims the lamp at dusk. Gulls nest on the gallery.\n\n"
        f"{_filler('keeper')}\n",
        "When does the keeper trim the lamp?",
        "The keeper trims the lamp at dusk.",
    ),
    "markdown": (
        "extra/orchard.md",
        f"# Orchard\n\n{_filler('orchard')}\n\n## Grafting\n\nMira grafts the pear on a quince root. It bears early."
        f"\n\n## Cellar\n\n{_filler('cellar')}\n",
        "On which root does Mira graft the pear?",
        "Mira grafts the pear on a quince root.",
    ),
    "html": (
        "extra/harbour.html",
        f"<html><head><title>Harbour</title></head><body><main><h1>Harbour</h1>{_paragraphs(_filler('harbour'))}"
        "<h2>Pilot</h2>\n<p>The pilot boards <b>two miles</b> off the mole. He speaks Dutch.</p><h2>Crane</h2>"
        f"{_paragraphs(_filler('crane'))}</main></body></html>",
        "Where does the pilot board?",
        "The pilot boards two miles off the mole.",
    ),
}  # fmt: skip
"""For each format a long document, a question on its middle, and the sentence that answers."""


def write_library(folder: Path) -> Path:
    """Put the seeds that ship with SeedQA, long documents and hostile ones into a folder."""
    shutil.copytree(ROOT / "seeds", folder)
    (folder / "extra").mkdir()
    for path, text, _, _ in LONG.values():
        (folder / path).write_text(text, "utf-8")
    (folder / "extra" / HOSTILE_NAME).write_text(HOSTILE, "utf-8")
    hostile = "# A <b onclick=alert(1)>wombat</b> `${alert(1)}`\n\n" + HOSTILE.replace("quokka", "wombat")
    (folder / "extra" / "hostile.md").write_text(hostile, "utf-8")
    return folder


class Reader:
    """Somebody who reads the page in a browser window."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.box = page.locator("#sq-question textarea")
        self.results = page.locator("#sq-results")
        self.source = page.locator("#sq-source")
        self.context = page.locator(".sq-context")
        self.outdated = page.locator(".sq-outdated")

    def ask(self, question: str) -> None:
        """Ask and wait for the answer, which is a new one even where the question is the same."""
        self.box.fill(question)
        with self.answered(question):
            self.box.press("Enter")

    @contextmanager
    def answered(self, question: str) -> Iterator[None]:
        """Wait for the answer to what is asked within."""
        shown = self.page.locator(".sq-answer")
        before = shown.get_attribute("data-asked") if shown.count() else ""
        yield
        self.page.wait_for_function(
            "([question, before]) => { const asked = document.querySelector('.sq-answer')?.dataset.asked;"
            " return asked && asked !== before && JSON.parse(asked).question === question }",
            arg=[question, before],
        )
        expect(self.results).to_have_attribute("aria-busy", "false")

    def card(self, rank: int) -> Locator:
        return self.page.locator(f"#sq-card-{rank}")

    def open(self, rank: int) -> Locator:
        """Open the source of a passage and return the button that did."""
        button = self.card(rank).get_by_role("button", name=texts.OPEN)
        button.click()
        expect(self.context).to_have_attribute("data-rank", str(rank))
        return button

    def cards(self) -> list[dict[str, Any]]:
        """Return what the cards say."""
        found: list[dict[str, Any]] = self.page.locator(".sq-card").evaluate_all(_CARDS)
        return found

    def go_to_index(self) -> None:
        self.page.get_by_role("tab", name=texts.INDEX_TAB).click()
        expect(self.page.get_by_role("heading", name=texts.SNAPSHOT)).to_be_visible()

    def set_number(self, ident: str, value: float) -> None:
        """Type a number beside a slider."""
        field = self.page.locator(f"#{ident} input[type=number]")
        field.fill(f"{value:g}")
        field.blur()

    def violations(self) -> list[tuple[str, str, list[Any]]]:
        """Return what breaks a rule of accessibility: rule, impact and elements."""
        self.page.evaluate(AXE_SCRIPT)
        found = self.page.evaluate("axe.run({resultTypes: ['violations']})")
        return [
            (broken["id"], broken["impact"], [node["target"] for node in broken["nodes"]])
            for broken in found["violations"]
        ]


_CARDS = """cards => cards.map(card => ({
    rank: card.querySelector('.sq-rank').textContent,
    title: card.querySelector('h3').textContent,
    section: card.querySelector('.sq-place .sq-name')?.textContent ?? '',
    place: card.querySelector('.sq-path').textContent,
    state: card.querySelector('.sq-state').textContent,
    quote: card.querySelector('blockquote').textContent,
    evidence: [...card.querySelectorAll('blockquote mark')].map(mark => mark.textContent),
    hits: [...card.querySelectorAll('blockquote u.sq-hit')].map(hit => hit.textContent),
    confidence: card.querySelector('.sq-why-box strong').textContent,
    reasons: [...card.querySelectorAll('.sq-why-box li')].map(reason => reason.textContent),
}))"""


def expected_cards(answer: Answer) -> list[dict[str, Any]]:
    """Return what the cards of an answer have to say."""
    return [
        {
            "rank": str(result.rank),
            "title": f"{result.rank}. {result.citation.title}",
            "section": " › ".join(result.citation.section),
            "place": result.citation.place,
            "state": "✔ verified",
            "quote": result.citation.quote,
            "evidence": [result.citation.evidence],
            "hits": [
                result.citation.quote[first - result.citation.start : last - result.citation.start]
                for first, last in result.hits
            ],
            "confidence": f"{result.confidence:.2f}",
            "reasons": list(texts.reasons(result)),
        }
        for result in answer.results
    ]


@contextmanager
def window(browser: Browser, **settings: Any) -> Iterator[BrowserContext]:
    """Open a browser with nothing remembered; its pages share what they remember."""
    context = browser.new_context(
        **{"viewport": DESKTOP, "permissions": ["clipboard-read", "clipboard-write"], **settings}
    )
    context.set_default_timeout(10_000)
    try:
        yield context
    finally:
        context.close()


@contextmanager
def reading(context: BrowserContext, server: Server, query: str = "") -> Iterator[Reader]:
    """Open the page. On leaving, nothing of it may have asked another host, run what it read, or complained."""
    asked: list[str] = []
    trouble: list[str] = []
    handlers: dict[Any, Callable[[Any], None]] = {
        "request": lambda request: asked.append(request.url),
        "dialog": lambda dialog: trouble.append(f"dialog {dialog.message}"),
        "weberror": lambda error: trouble.append(str(error.error)),
        "console": lambda line: (
            trouble.append(line.text) if line.type in ("error", "warning") and line.text != GRADIO_WARNS else None
        ),
    }
    for event, handler in handlers.items():
        context.on(event, handler)
    page = context.new_page()
    try:
        page.goto(f"{server.url}{query}")
        expect(page.locator(".sq-masthead h1")).to_be_visible()  # drawn by the first look, as all that follows
        yield Reader(page)
        assert page.evaluate("typeof window.hacked") == "undefined"
        foreign = [url for url in asked if not url.startswith((server.url, "data:", "blob:"))]
        assert not foreign, foreign
        assert not trouble, trouble
    finally:
        page.evaluate("localStorage.clear()")
        page.close()
        for event, handler in handlers.items():
            context.remove_listener(event, handler)


def asked_of(reader: Reader) -> dict[str, Any]:
    """Return what the answer on the page was asked."""
    found: dict[str, Any] = json.loads(reader.page.locator(".sq-answer").get_attribute("data-asked") or "{}")
    return found
