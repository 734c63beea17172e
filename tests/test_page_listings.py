"""The state of the index as HTML: what was left out, copies and notes, each where they are looked for."""

from __future__ import annotations

from pathlib import Path

from lxml import html

from index import build
from index.layout import IndexPaths
from index.snapshot import current_id, load_manifest
from qa.answer import DocumentStatus
from qa.page import listings, texts
from qa.page.app import _folders
from tests.fakes import HashEncoder

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def tables(shown: str) -> dict[str, list[list[str]]]:
    """Return the rows of each table by its caption."""
    root = html.fragment_fromstring(shown, create_parent=True)
    return {
        table.find("caption").text_content(): [
            [cell.text_content() for cell in row] for row in table.iterfind("tbody/tr")
        ]
        for table in root.iter("table")
    }


def test_rare_reasons_come_first_and_copies_and_notes_apart(seeds: Path, tmp_path: Path) -> None:
    for n in range(3):
        (seeds / f"photo-{n}.png").write_bytes(PNG + bytes([n]))
    (seeds / "zebra.txt").write_bytes(b"")
    (seeds / "old").mkdir()
    for name in ("bridge.txt", "garden.md"):
        (seeds / "old" / name).write_bytes((seeds / name).read_bytes())
    (seeds / "mill.html").write_text("<h1>Mill</h1><nav>Home, Search</nav><p>The mill grinds rye.</p>", "utf-8")
    build(seeds, tmp_path / "index", HashEncoder())
    paths = IndexPaths(tmp_path / "index")
    manifest = load_manifest(paths.snapshot(current_id(paths)))
    reasons = {s.source: s.reason for s in manifest.skipped}
    [mill] = [d for d in manifest.documents if d.path == "mill.html"]
    assert tables(listings.coverage(manifest)) == {
        "4 of 9 files": [[name, reasons[name]] for name in ("zebra.txt", "photo-0.png", "photo-1.png", "photo-2.png")],
        "2 copies of documents that are indexed": [["old/bridge.txt", "bridge.txt"], ["old/garden.md", "garden.md"]],
        texts.COVERAGE_NOTES: [["mill.html", note] for note in mill.notes],
    }


def test_copies_are_listed_and_found_with_their_document() -> None:
    document = DocumentStatus(
        source="post/2024.zip/letters/7.eml",
        title="Ferry",
        status="current",
        bytes=1,
        passages=1,
        modified="",
        sha256="",
        notes=(),
        copies=("a.eml", "<b>.eml", "c.eml", "d.eml"),
    )
    other = DocumentStatus(
        source="b.txt", title="", status="new", bytes=1, passages=0, modified="", sha256="", notes=()
    )
    [[named, *_]] = tables(listings.documents([document, other], "D.EML"))["1 file"]
    assert named == "Ferrypost/2024.zip/letters/7.emlalso as a.eml, <b>.eml, c.eml and 1 more"
    assert [row[0] for row in tables(listings.documents([document, other], ""))["2 files"]] == [named, "–b.txt"]


def test_folders_and_archives_are_offered_as_patterns() -> None:
    paths = ["post/2024.zip/letters/7.eml", "post/a.txt", "b.txt"]
    assert _folders(paths) == ["post/*", "post/2024.zip/*", "post/2024.zip/letters/*"]
