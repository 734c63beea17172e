"""The index on the page: checking, rebuilding beside the questions, adding files, and the way back."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, expect

from benchmarks.browser import Server, browsing, serving
from index import build
from index.encode import Encoder
from index.layout import IndexPaths
from index.manifest import Manifest
from index.snapshot import current_id
from qa import Index, open_index
from qa.page import texts
from tests.conftest import TEXTS
from tests.pages import Reader, needs_browser, reading, window

pytestmark = needs_browser

QUESTION = "Where do frogs live?"
BUILD_SECONDS = 60
"""Within which a build is done on any machine."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as started:
        yield started


@pytest.fixture(scope="module")
def desk(browser: Browser) -> Iterator[BrowserContext]:
    with window(browser) as context:
        yield context


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where seeds and index are."""
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def running(home: Path, real_encoder: Encoder, cache: Path) -> Iterator[Server]:
    renew(home / "seeds")
    build(home / "seeds", home / "index", real_encoder)
    with serving(home / "index", cache) as started:
        yield started
    assert started.log.read_text("utf-8") == ""


@pytest.fixture
def server(running: Server, home: Path, real_encoder: Encoder) -> Server:
    """The page, with the small seeds and their index as if nothing had happened to them before."""
    renew(home / "seeds")
    build(home / "seeds", home / "index", real_encoder)
    return running


@pytest.fixture
def seeds(server: Server, home: Path) -> Path:
    return home / "seeds"


@pytest.fixture
def reader(desk: BrowserContext, server: Server) -> Iterator[Reader]:
    with reading(desk, server) as opened:
        yield opened


@pytest.fixture
def library(server: Server, real_encoder: Encoder) -> Iterator[Index]:
    with open_index(server.index, encoder=real_encoder) as opened:
        yield opened


def renew(seeds: Path) -> None:
    """Have the folder hold the small seeds and nothing else."""
    seeds.mkdir(exist_ok=True)
    for path in seeds.iterdir():
        path.unlink()
    for name, text in TEXTS.items():
        (seeds / name).write_text(text, "utf-8")


@contextmanager
def held_build(server: Server) -> Iterator[None]:
    """Keep the build that the server has started where it is."""
    [process] = [pid for pid, parent, line in processes() if parent == server.pid and b"spawn_main" in line]
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def processes() -> Iterator[tuple[int, int, bytes]]:
    """Yield each process with its parent and its command line."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1])
            yield int(folder.name), parent, (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it has just ended


def rows(reader: Reader) -> list[list[str]]:
    """Return the documents as the table shows them, without the date."""
    cells = "rows => rows.map(row => [...row.cells].slice(0, 4).map(cell => cell.innerText.trim()))"
    found: list[list[str]] = reader.page.locator("#sq-listing tbody tr").evaluate_all(cells)
    return found


def in_force(reader: Reader, snapshot: str) -> None:
    """Wait until the server answers from a snapshot: it switches between two questions, while others are answered."""
    expect(reader.page.locator(".sq-masthead")).to_have_attribute("data-snapshot", snapshot)


def test_a_citation_is_verified_again(reader: Reader, library: Index, seeds: Path) -> None:
    reader.ask(QUESTION)
    link = library.search(QUESTION).results[0].citation.link
    state, detail = reader.page.locator("#sq-state-1"), reader.page.locator("#sq-detail-1")
    expect(state).to_have_text("✔ verified")
    expect(detail).to_be_hidden()
    garden = seeds / "garden.md"

    def verify(expected: str) -> None:
        button = reader.card(1).get_by_role("button", name=texts.VERIFY)
        button.click()
        expect(state).to_have_text(expected)
        checked = library.verify(link)
        expect(detail).to_have_text(checked.detail)
        expect(detail).to_be_visible(visible=checked.status != "verified")
        expect(reader.page.locator("#sq-live")).to_have_text(f"{checked.status}: {checked.detail}")
        expect(button).to_be_focused()

    verify("✔ verified")
    garden.write_text(TEXTS["garden.md"] + "\nMore.\n", "utf-8")
    verify("≠ source changed")
    assert reader.violations() == []
    garden.unlink()
    verify("✘ source missing")
    assert reader.violations() == []
    reader.ask(QUESTION)
    expect(state).to_have_text("✘ source missing")
    garden.write_text(TEXTS["garden.md"], "utf-8")
    reader.ask(QUESTION)
    expect(state).to_have_text("✔ verified")
    garden.write_text("# Garden\n\nBare.\n", "utf-8")
    reader.ask(QUESTION)
    expect(state).to_have_text("≠ source changed")
    expect(detail).to_have_text("garden.md has changed since, and no longer says what is quoted at that place")


def test_a_source_shows_whether_its_file_still_says_so(reader: Reader, seeds: Path) -> None:
    reader.ask(QUESTION)
    (seeds / "garden.md").write_text("# Garden\n\nBare.\n", "utf-8")
    reader.card(1).get_by_role("button", name=texts.OPEN).click()
    expect(reader.page.locator("#sq-state-here")).to_have_text("≠ source changed")
    expect(reader.page.locator("#sq-detail-here")).to_contain_text("no longer says what is quoted")
    assert reader.violations() == []


def test_a_new_snapshot_has_what_is_shown_verified_again(
    reader: Reader, server: Server, seeds: Path, real_encoder: Encoder
) -> None:
    reader.ask(QUESTION)
    expect(reader.page.locator("#sq-state-1")).to_have_text("✔ verified")
    (seeds / "garden.md").write_text("# Garden\n\nBare.\n", "utf-8")
    in_force(reader, build(seeds, server.index, real_encoder).snapshot)
    expect(reader.page.locator(".sq-outdated")).to_contain_text(texts.OUTDATED_INDEX)
    expect(reader.page.locator("#sq-state-1")).to_have_text("≠ source changed")


def test_the_index_tab_tells_what_the_index_holds(
    desk: BrowserContext, server: Server, seeds: Path, real_encoder: Encoder
) -> None:
    (seeds / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    (seeds / "empty.txt").write_bytes(b"")
    report = build(seeds, server.index, real_encoder)
    (seeds / "bridge.txt").write_text("The bridge is gone.\n", "utf-8")
    (seeds / "mill.html").unlink()
    (seeds / "later.txt").write_text("Later.\n", "utf-8")
    with reading(desk, server) as reader, open_index(server.index, encoder=real_encoder) as library:
        reader.go_to_index()
        expect(reader.page.locator("#sq-snapshot")).to_contain_text(report.snapshot)  # the page has seen the build
        signs = texts.STATUS_SIGNS
        assert rows(reader) == [
            [f"{d.title or '–'}\n{d.source}", f"{signs[d.status]} {d.status}", f"{d.bytes:,}", str(d.passages)]
            for d in library.list_documents()
        ]
        assert [row[1] for row in rows(reader)] == ["≠ changed", "✔ current", "+ new", "✘ missing"]
        left_out = reader.page.locator("#sq-coverage tbody tr")
        assert [row.split("\t") for row in left_out.all_inner_texts()] == [[s.source, s.reason] for s in report.skipped]
        assert {skipped.source for skipped in report.skipped} == {"photo.png", "empty.txt"}
        facts = reader.page.locator("#sq-snapshot dd").all_inner_texts()
        assert facts[0] == library.manifest.id
        assert facts[2:4] == [str(seeds), f"3 documents, {report.passages} passages, {report.sentences} sentences"]
        reader.page.get_by_text(texts.MANIFEST).click()
        shown = reader.page.locator("#sq-snapshot pre").text_content() or ""
        assert msgspec.json.decode(shown, type=Manifest) == library.manifest
        found = reader.page.get_by_label(texts.FIND_DOCUMENT)
        found.fill("MISSING")
        expect(reader.page.locator("#sq-listing caption")).to_have_text("1 file")
        found.fill("nowhere")
        expect(reader.page.locator("#sq-listing")).to_have_text(texts.NO_DOCUMENT)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found in /proc")
def test_a_rebuild_goes_on_beside_the_questions(reader: Reader, server: Server, seeds: Path) -> None:
    page, before = reader.page, current_id(IndexPaths(server.index))
    (seeds / "canal.txt").write_text("Barges carry salt on the canal.\n", "utf-8")
    (seeds / "bridge.txt").write_text("The bridge was built in 1903.\n", "utf-8")
    (seeds / "mill.html").unlink()
    reader.ask(QUESTION)
    reader.go_to_index()
    progress, outcome = page.locator("#sq-progress"), page.locator(".sq-outcome")
    expect(page.locator("#sq-cancel")).to_be_disabled()
    page.get_by_role("button", name=texts.REBUILD).click()
    expect(progress).to_be_visible()
    with held_build(server):
        expect(page.locator(".sq-progress [role=status]")).to_contain_text(f"Rebuilding from {seeds}.")
        expect(page.locator(".sq-working")).to_be_visible()
        expect(page.locator("#sq-cancel")).to_be_enabled()
        page.get_by_role("button", name=texts.REBUILD).click()
        expect(page.get_by_role("alert")).to_contain_text("is being built already; wait for it or cancel it")
        assert reader.violations() == []
        page.get_by_role("tab", name=texts.ASK_TAB).click()
        reader.ask("When was the bridge built?")
        assert reader.cards()[0]["evidence"] == ["The bridge was built in 1902."]
        expect(reader.outdated).to_be_hidden()
        page.reload()
        expect(page.locator("#sq-heading")).to_have_text("When was the bridge built?")
        reader.go_to_index()
        expect(progress).to_be_visible()
    expect(outcome).to_contain_text("✔ Indexed 3 documents", timeout=BUILD_SECONDS * 1000)
    expect(progress).to_have_count(0)
    after = current_id(IndexPaths(server.index))
    assert page.locator(".sq-diff li").all_inner_texts() == [
        "+ added: canal.txt", "~ changed: bridge.txt", "− removed: mill.html",
    ]  # fmt: skip
    assert page.locator(".sq-masthead").get_attribute("data-snapshot") == after != before
    page.get_by_role("tab", name=texts.ASK_TAB).click()
    expect(reader.outdated.locator(".sq-why")).to_have_text(texts.OUTDATED_INDEX)
    with reader.answered("When was the bridge built?"):
        reader.outdated.get_by_role("button", name=texts.ASK_AGAIN).click()
    assert reader.cards()[0]["evidence"] == ["The bridge was built in 1903."]
    expect(reader.outdated).to_be_hidden()
    reader.go_to_index()
    page.get_by_role("button", name=f"{texts.RESTORE}: {before}").click()
    expect(page.locator("#sq-said .sq-note")).to_have_text(texts.restored(before))
    expect(page.locator(".sq-masthead")).to_have_attribute("data-snapshot", before)
    assert current_id(IndexPaths(server.index)) == before


def test_a_large_rebuild_is_cancelled(reader: Reader, server: Server, seeds: Path) -> None:
    before = current_id(IndexPaths(server.index))
    for number in range(300):
        lines = (f"Ledger {number} has {number * line} sacks of grain number {line}." for line in range(40))
        (seeds / f"ledger-{number}.txt").write_text("\n\n".join(lines), "utf-8")
    reader.go_to_index()
    reader.page.get_by_role("button", name=texts.REBUILD).click()
    expect(reader.page.locator(".sq-progress label")).to_contain_text(
        re.compile(r"(Reading documents|Encoding sentences): [\d,]+ of [\d,]+"), timeout=BUILD_SECONDS * 1000
    )
    reader.page.locator("#sq-cancel").click()
    outcome = reader.page.locator(".sq-outcome")
    expect(outcome).to_have_text("✘ The rebuild was cancelled; it changed nothing.")
    expect(reader.page.locator("#sq-cancel")).to_be_disabled()
    assert current_id(IndexPaths(server.index)) == before


def test_a_link_opens_its_passage_also_after_a_rebuild(
    reader: Reader, desk: BrowserContext, server: Server, seeds: Path, real_encoder: Encoder
) -> None:
    reader.ask(QUESTION)
    [quote, evidence] = reader.cards()[0]["quote"], reader.cards()[0]["evidence"]
    reader.card(1).locator(".sq-menu summary").click()
    reader.card(1).get_by_role("button", name=texts.COPY_LINK).click()
    expect(reader.page.locator(".sq-toast")).to_have_text(texts.COPIED)
    query = reader.page.evaluate("navigator.clipboard.readText()").removeprefix(server.url)

    def opened(note: str) -> Iterator[Reader]:
        with reading(desk, server, query) as other:
            expect(other.context).to_be_visible()
            assert other.context.locator(".sq-note").all_inner_texts() == ([note] if note else [])
            yield other

    for other in opened(""):
        assert other.context.locator(".sq-passage").text_content() == quote
        assert other.context.locator("mark").all_text_contents() == evidence
        other.page.keyboard.press("Escape")
        expect(other.context).to_have_count(0)
        expect(other.box).to_be_focused()
    garden = TEXTS["garden.md"].replace("Roses", "A bench stands by the gate.\n\nRoses")
    (seeds / "garden.md").write_text(garden, "utf-8")
    in_force(reader, build(seeds, server.index, real_encoder).snapshot)
    for other in opened("the passage has moved within the document since it was cited"):
        assert other.context.locator(".sq-passage").text_content() == quote
        assert other.context.locator("mark").all_text_contents() == evidence
        expect(other.context.locator("mark")).to_be_in_viewport()
    (seeds / "garden.md").write_text("# Garden\n\nBare.\n", "utf-8")
    in_force(reader, build(seeds, server.index, real_encoder).snapshot)
    for other in opened("the quoted passage is no longer in this document, so nothing is marked"):
        expect(other.context.locator("mark, .sq-passage")).to_have_count(0)


def test_an_uploaded_file_is_listed_as_new_and_indexed_by_the_next_rebuild(reader: Reader, seeds: Path) -> None:
    page = reader.page
    reader.go_to_index()
    files = {"canal.txt": "Barges carry salt on the canal.\n", "garden.md": "Not this one.\n"}
    sent: list[FilePayload] = [
        {"name": name, "mimeType": "text/plain", "buffer": text.encode()} for name, text in files.items()
    ]
    page.locator("#sq-upload input[type=file]").set_input_files(sent)
    expect(page.locator("#sq-said .sq-note")).to_have_text(
        f"Added 1 file to {seeds}. Rebuild to index them; what can't be read is listed then."
    )
    refused = page.locator("#sq-said tbody tr")
    expect(refused).to_have_text(["garden.mda file of that name is there already; rename one of them"])
    expect(page.locator("#sq-listing .sq-new")).to_have_text("+ new")
    assert rows(reader)[1] == ["–\ncanal.txt", "+ new", "32", "0"]
    assert (seeds / "canal.txt").read_text("utf-8") == files["canal.txt"]
    assert (seeds / "garden.md").read_text("utf-8") == TEXTS["garden.md"]
    page.locator("#sq-folder textarea, #sq-folder input").fill("/nowhere/at/all")
    page.get_by_role("button", name=texts.REBUILD).click()
    expect(page.get_by_role("alert")).to_contain_text("/nowhere/at/all")
    page.locator("#sq-folder textarea, #sq-folder input").fill("")
    page.get_by_role("button", name=texts.REBUILD).click()
    expect(page.locator(".sq-outcome")).to_contain_text("✔ Indexed 4 documents", timeout=BUILD_SECONDS * 1000)
    assert rows(reader)[1] == ["canal\ncanal.txt", "✔ current", "32", "1"]
    page.get_by_role("tab", name=texts.ASK_TAB).click()
    reader.ask("What do barges carry on the canal?")
    assert reader.cards()[0]["evidence"] == ["Barges carry salt on the canal."]


def test_a_read_only_page_offers_no_change(
    desk: BrowserContext, server: Server, seeds: Path, real_encoder: Encoder, cache: Path
) -> None:
    (seeds / "canal.txt").write_text("Barges carry salt on the canal.\n", "utf-8")
    build(seeds, server.index, real_encoder)
    with serving(server.index, cache, "--read-only") as other, reading(desk, other) as reader:
        reader.go_to_index()
        expect(reader.page.get_by_text(texts.READ_ONLY)).to_be_visible()
        expect(reader.page.get_by_role("heading", name=texts.EARLIER)).to_be_visible()
        for name in (texts.REBUILD, texts.CANCEL, texts.RESTORE):
            expect(reader.page.get_by_role("button", name=name)).to_have_count(0)
        expect(reader.page.locator("input[type=file]")).to_have_count(0)
