"""PDF documents on the page, in a real browser: the passage is marked on a picture of its page, and in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, expect

from benchmarks.browser import Server, browsing, serving
from index import build
from index.encode import Encoder
from qa import Index, open_index
from qa.page import texts
from tests.conftest import TEXTS
from tests.pages import PHONE, Reader, needs_browser, reading, window
from tests.papers import HEIGHT, WIDTH, Line, paper

pytestmark = needs_browser

QUESTION = "On which root does Mira graft the pear?"
LONG_QUESTION = "Who has the mole on Sundays?"

TITLE = "Orchard <b>rules</b>"


def ledger(thing: str, entries: int) -> tuple[Line, ...]:
    """Return lines that fill the upper part of a page, or all of it."""
    return tuple(
        Line(text=f"Entry {n} of the {thing} ledger counts {n * 7} barrels and {n * 3} ropes.", base=60 + 22 * n)
        for n in range(1, entries + 1)
    )


GRAFT = (
    Line(text="Mira grafts the pear on a quince root, as her aunt did in the old", x=100, base=420),
    Line(text="garden by the river. It bears early.", x=100, base=436),
)
ORCHARD = paper(ledger("orchard", 33), (*ledger("cider", 12), *GRAFT), title=TITLE, author="Mira & Ann <i>Oakley</i>")
PIERS = tuple(
    Line(text=f"The lighthouse keeper counts {n} barrels on pier {n} at dawn.", base=600 + 16 * n) for n in range(12)
)
SUNDAY = Line(text="On Sundays the gulls have the mole to themselves.", base=72)
LIGHTHOUSE = paper(PIERS, (SUNDAY,), title="Lighthouse")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as started:
        yield started


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pdf")


@pytest.fixture(scope="module")
def running(home: Path, real_encoder: Encoder, cache: Path) -> Iterator[Server]:
    renew(home)
    (home / "seeds" / "lighthouse.pdf").write_bytes(LIGHTHOUSE)
    (home / "seeds" / "old").mkdir()
    for name in "bcdef":
        (home / "seeds" / "old" / f"{name}.pdf").write_bytes(ORCHARD)
    (home / "seeds" / "scan.pdf").write_bytes(paper(()))
    build(home / "seeds", home / "index", real_encoder)
    with serving(home / "index", cache) as started:
        yield started
    assert started.log.read_text("utf-8") == ""


def renew(home: Path) -> None:
    (home / "seeds").mkdir(exist_ok=True)
    (home / "seeds" / "garden.md").write_text(TEXTS["garden.md"], "utf-8")
    (home / "seeds" / "a-orchard.pdf").write_bytes(ORCHARD)


@pytest.fixture
def server(running: Server, home: Path) -> Server:
    """The page, with the documents as they were indexed."""
    renew(home)
    return running


@pytest.fixture(scope="module")
def library(running: Server, real_encoder: Encoder) -> Iterator[Index]:
    with open_index(running.index, encoder=real_encoder) as opened:
        yield opened


@pytest.fixture(scope="module")
def desk(browser: Browser) -> Iterator[BrowserContext]:
    with window(browser) as context:
        yield context


@pytest.fixture
def reader(desk: BrowserContext, server: Server) -> Iterator[Reader]:
    with reading(desk, server) as opened:
        yield opened


def boxes(reader: Reader, kind: str, page: int = 0) -> list[tuple[float, float, float, float]]:
    """Return where the boxes of a kind lie on a page, in points: left, top, right and bottom."""
    sheet = reader.context.locator(".sq-boxes").nth(page)
    found: list[list[float]] = sheet.evaluate(_BOXES, [f".sq-box-{kind}", WIDTH, HEIGHT])
    return [(left, top, right, bottom) for left, top, right, bottom in found]


_BOXES = """(sheet, [kind, width, height]) => {
    const page = sheet.getBoundingClientRect();
    const across = x => (x - page.left) / page.width * width, down = y => (y - page.top) / page.height * height;
    return [...sheet.querySelectorAll(kind)].map(box => box.getBoundingClientRect()).map(
        box => [across(box.left), down(box.top), across(box.right), down(box.bottom)]);
}"""


def stands(box: tuple[float, float, float, float], line: Line, words: str = "") -> None:
    """Check that a box lies where words were put, within a point and a half, and is as high as a line."""
    assert (box[0], box[2]) == pytest.approx(line.place(words or line.text), abs=1.5)
    assert line.base - 13 <= box[1] <= line.base - 8
    assert line.base <= box[3] <= line.base + 6  # lines below the words of the question stand a little lower


def is_drawn(picture: Locator) -> bool:
    return bool(picture.evaluate("image => image.decode().then(() => image.naturalWidth === 1200)"))


def test_the_passage_is_marked_on_a_picture_of_its_page(reader: Reader, library: Index) -> None:
    reader.ask(QUESTION)
    first = library.search(QUESTION).results[0].citation
    assert (first.source, first.location.words) == ("a-orchard.pdf", "page 2")
    assert first.evidence == "Mira grafts the pear on a quince root, as her aunt did in the old garden by the river."
    reader.open(1)
    picture = reader.context.get_by_role("img", name=f"Page 2 of {TITLE}; the passage is marked", exact=True)
    expect(picture).to_be_visible()
    assert is_drawn(picture)
    evidence = boxes(reader, "evidence")
    assert len(evidence) == 2
    stands(evidence[0], GRAFT[0])
    stands(evidence[1], GRAFT[1], "garden by the river.")
    for box, word in zip(boxes(reader, "hit"), ("Mira", "grafts", "pear", "root"), strict=False):
        stands(box, GRAFT[0], word)
    assert boxes(reader, "hit")
    stands(next(box for box in boxes(reader, "passage") if box[1] > 400), GRAFT[0])
    expect(reader.context.locator(".sq-box-evidence").first).to_be_in_viewport(ratio=1)
    pane = reader.context.locator(".sq-source")
    assert pane.locator(".sq-passage").text_content() == first.quote
    assert pane.locator("mark").all_text_contents() == [first.evidence]
    expect(pane.get_by_role("heading", name=texts.EXTRACTED)).to_be_attached()
    expect(reader.page.locator("#sq-context-title")).to_be_focused()


def test_the_boxes_hold_at_every_size(reader: Reader, library: Index) -> None:
    reader.ask(QUESTION)
    reader.open(1)
    before = boxes(reader, "evidence")
    width = "sheet => sheet.getBoundingClientRect().width"
    sheet = reader.context.locator(".sq-sheet")
    narrow = sheet.evaluate(width)
    enlarge = reader.context.get_by_role("button", name=texts.ZOOM)
    enlarge.click()
    expect(enlarge).to_have_attribute("aria-pressed", "true")
    assert sheet.evaluate(width) == pytest.approx(2 * narrow, rel=0.02)
    for box, other in zip(boxes(reader, "evidence"), before, strict=True):
        assert box == pytest.approx(other, abs=0.5)
    expect(reader.context.locator(".sq-box-evidence").first).to_be_in_viewport()
    ranks = [r.rank for r in library.search(QUESTION).results[1:] if r.citation.boxes]
    reader.page.locator("details.sq-weak > summary").click()
    reader.open(ranks[0])
    expect(enlarge).to_have_attribute("aria-pressed", "true")
    assert reader.context.locator(".sq-sheet").first.evaluate(width) == pytest.approx(2 * narrow, rel=0.02)
    reader.context.locator(".sq-sheet").first.click(position={"x": 400, "y": 300})
    expect(enlarge).to_have_attribute("aria-pressed", "false")
    reader.context.locator(".sq-sheet").first.click(position={"x": 100, "y": 200})
    expect(enlarge).to_have_attribute("aria-pressed", "true")


def test_a_passage_on_two_pages_shows_both(reader: Reader, library: Index) -> None:
    reader.ask(LONG_QUESTION)
    first = library.search(LONG_QUESTION).results[0].citation
    assert first.location.words == "pages 1–2"
    assert reader.cards()[0]["place"] == "lighthouse.pdf, pages 1–2 (evidence: page 2)"
    reader.open(1)
    names = [f"Page {number} of Lighthouse; the passage is marked" for number in (1, 2)]
    pictures = reader.context.locator(".sq-sheet img")
    assert [picture.get_attribute("alt") for picture in pictures.all()] == names
    assert all(is_drawn(picture) for picture in pictures.all())
    assert len(boxes(reader, "passage", 0)) >= 10
    for kind in ("passage", "evidence"):
        [last] = boxes(reader, kind, 1)
        stands(last, SUNDAY)
    assert boxes(reader, "evidence", 0) == []
    expect(reader.context.locator(".sq-box-evidence")).to_be_in_viewport()
    assert len(boxes(reader, "bar", 0)) == len(boxes(reader, "bar", 1)) == 1


def test_the_keyboard_reaches_page_and_text(reader: Reader) -> None:
    reader.ask(QUESTION)
    reader.card(1).get_by_role("button", name=texts.OPEN).press("Enter")
    page, context = reader.page, reader.context
    expect(page.locator("#sq-context-title")).to_be_focused()
    for name in (texts.NEXT_HIT_SIGN, texts.CLOSE, texts.ZOOM):
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text(name)
    page.keyboard.press("Space")
    expect(context.get_by_role("button", name=texts.ZOOM)).to_have_attribute("aria-pressed", "true")
    for name in (texts.TO_PAGE, texts.TO_TEXT):
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text(name)
    page.keyboard.press("Enter")
    expect(page.locator("#sq-here")).to_be_focused()
    expect(context.locator("mark")).to_be_in_viewport(ratio=1)
    context.get_by_role("button", name=texts.TO_PAGE).press("Enter")
    expect(context.locator(".sq-page")).to_be_focused()
    expect(context.locator(".sq-box-evidence").first).to_be_in_viewport()
    page.keyboard.press("Shift+Tab")
    expect(context.locator(".sq-source")).to_be_focused()
    across = "pane => pane.scrollLeft"
    before = context.locator(".sq-source").evaluate(across)
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"([before]) => ({across})(document.querySelector('.sq-source')) > before", arg=[before])
    page.keyboard.press("Escape")
    expect(context).to_have_count(0)
    expect(reader.card(1).get_by_role("button", name=texts.OPEN)).to_be_focused()


def test_what_can_t_be_drawn_is_told_and_the_text_is_shown(reader: Reader, library: Index, home: Path) -> None:
    reader.ask(QUESTION)
    first = library.search(QUESTION).results[0].citation
    (home / "seeds" / "a-orchard.pdf").write_bytes(LIGHTHOUSE)
    reader.open(1)
    note = "a-orchard.pdf has changed since it was cited, so its pages are not shown; rebuild first."
    expect(reader.context.locator(".sq-note")).to_have_text(f"{note} {texts.BELOW}")
    expect(reader.context.locator("img")).to_have_count(0)
    expect(reader.context.locator("#sq-state-here")).to_have_text("≠ source changed")
    pane = reader.context.locator(".sq-source")
    assert pane.text_content() == library.open_passage(first.link).text
    expect(pane.locator("mark")).to_be_in_viewport()
    assert reader.violations() == []


def test_author_date_and_copies_are_told(reader: Reader, library: Index) -> None:
    reader.ask(QUESTION)
    first = library.search(QUESTION).results[0].citation
    assert first.author == "Mira & Ann <i>Oakley</i>"
    place = "a-orchard.pdf, page 2 (also as old/b.pdf, old/c.pdf, old/d.pdf and 2 more)"
    about = reader.card(1).locator(".sq-place")
    assert about.locator(".sq-origin").text_content() == first.origin == f"{first.author}, {first.date}"
    assert about.locator(".sq-path").text_content() == place
    reader.open(1)
    expect(reader.context.locator(".sq-place")).to_contain_text(place)


def test_copies_are_listed_apart_from_what_could_not_be_read(reader: Reader, library: Index) -> None:
    reader.go_to_index()
    tables = reader.page.locator("#sq-coverage table")
    captions = tables.locator("caption").all_inner_texts()
    assert captions[:2] == ["1 of 9 files", "5 copies of documents that are indexed"]
    [unread] = [s for s in library.manifest.skipped if not s.copy_of]
    assert tables.nth(0).locator("tbody tr").all_inner_texts() == [f"scan.pdf\t{unread.reason}"]
    assert tables.nth(1).locator("tbody tr").all_inner_texts() == [f"old/{c}.pdf\ta-orchard.pdf" for c in "bcdef"]
    listed = reader.page.locator("#sq-listing tbody tr").first.locator(".sq-path")
    assert listed.all_inner_texts() == ["a-orchard.pdf", "also as old/b.pdf, old/c.pdf, old/d.pdf and 2 more"]
    reader.page.get_by_label(texts.FIND_DOCUMENT).fill("old/f")
    expect(reader.page.locator("#sq-listing caption")).to_have_text("1 file")
    expect(reader.page.get_by_text(texts.FORMATS)).to_be_visible()


MODES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light", "has_touch": True, "is_mobile": True},
}


@pytest.mark.parametrize("mode", MODES)
def test_no_rule_of_accessibility_is_broken(browser: Browser, server: Server, mode: str) -> None:
    with window(browser, **MODES[mode]) as context, reading(context, server) as reader:
        reader.ask(QUESTION)
        reader.open(1)
        assert is_drawn(reader.context.locator("img"))
        expect(reader.context.locator(".sq-box-evidence").first).to_be_in_viewport()
        found = {"page": reader.violations()}
        reader.context.get_by_role("button", name=texts.ZOOM).click()
        found["enlarged"] = reader.violations()
        assert reader.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        reader.context.get_by_role("button", name=texts.TO_TEXT).click()
        expect(reader.context.locator("mark")).to_be_in_viewport()
        found["text"] = reader.violations()
        if mode == "phone":
            reader.context.get_by_role("button", name=texts.CLOSE).click()
        reader.go_to_index()
        found["index"] = reader.violations()
        assert {state: broken for state, broken in found.items() if broken} == {}


def test_a_link_opens_its_page_without_an_answer(desk: BrowserContext, server: Server, library: Index) -> None:
    link = library.search(QUESTION).results[0].citation.link
    with reading(desk, server, f"?open={re.sub('&', '%26', link)}") as reader:
        expect(reader.context.get_by_role("img", name=f"Page 2 of {TITLE}")).to_be_visible()
        expect(reader.context.locator(".sq-box-evidence").first).to_be_in_viewport()
        reader.context.get_by_role("button", name=texts.ZOOM).click()
        assert boxes(reader, "hit") == []
