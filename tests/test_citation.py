"""Citation links: there and back, what is no link, and what verifying one finds."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import CitationError
from index.load.readers import Readers
from index.load.walk import walk
from qa.answer import Verification
from qa.citation import Known, Link, make_link, parse_link, quote_digest, verify_link

READERS = Readers(workers=1)


@pytest.fixture(autouse=True, scope="module")
def _end_readers() -> Iterator[None]:
    yield
    READERS.close()


def verify(text: str, seeds: Path, known: Known | None = None) -> Verification:
    return verify_link(text, seeds, READERS, known)


EXAMPLE = "seedqa:PATH?chars=0-9&evidence=0-9&source=0123456789abcdef&quote=0123456789abcdef"
REST = "?chars=0-9&evidence=0-9&source=0123456789abcdef&quote=0123456789abcdef"
TEXT = "First sentence. The second one is quoted. Third sentence.\n"
QUOTE = "The second one is quoted."

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0\\:"), min_size=1, max_size=20).filter(
    lambda name: name not in (".", "..")
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
HASHES = st.text("0123456789abcdef", min_size=16, max_size=16)


@given(PATHS, st.lists(st.integers(0, 10**9), min_size=4, max_size=4, unique=True).map(sorted), HASHES, HASHES)
def test_a_link_says_all_that_it_was_made_of(path: str, offsets: list[int], source: str, quote: str) -> None:
    start, evidence_start, evidence_end, end = offsets
    link = Link(
        path=path,
        start=start,
        end=end,
        evidence_start=evidence_start,
        evidence_end=evidence_end,
        source=source,
        quote=quote,
    )
    assert parse_link(str(link)) == link
    assert str(link).isascii()
    assert not any(letter.isspace() for letter in str(link))


@given(PATHS, st.text())
def test_made_links_can_be_read(path: str, text: str) -> None:
    link = make_link(path, "ab" * 32, (3, 9), (4, 5), text)
    assert parse_link(f" {link}\n") == Link(
        path=path, start=3, end=9, evidence_start=4, evidence_end=5, source="ab" * 8, quote=quote_digest(text)
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "notes.txt",
        "http://example.com/a",
        "seedqa:a.txt",
        f"seedqa:{REST}",
        f"SEEDQA:a{REST}",
        f"seedqa:a{REST}0",
        f"seedqa:a{REST}&more=1",
        f"seedqa:a b{REST}",
        f"seedqa:a#b{REST}",
        f"seedqa:a{REST.upper()}",
        f"seedqa:a{REST.replace('0-9', '-1-9')}",
        f"seedqa:a{REST.replace('0-9', '0-1234567890123')}",
        f"seedqa:a{REST.replace('0-9', '٠-٩')}",
        "seedqa:" + "x" * 200,
    ],
)
def test_what_is_no_link(text: str) -> None:
    with pytest.raises(CitationError) as caught:
        parse_link(text)
    assert str(caught.value) == f"{text[:120]!r} is not a citation link; expected one like {EXAMPLE}"


@pytest.mark.parametrize(
    ("chars", "evidence"),
    [("9-0", "0-9"), ("0-9", "0-10"), ("1-9", "0-9"), ("0-9", "3-3"), ("0-9", "5-3"), ("0-0", "0-0")],
)
def test_ranges_lie_within_each_other(chars: str, evidence: str) -> None:
    text = f"seedqa:a?chars={chars}&evidence={evidence}&source=0123456789abcdef&quote=0123456789abcdef"
    with pytest.raises(CitationError) as caught:
        parse_link(text)
    assert str(caught.value) == f"the ranges in {text!r} do not lie within each other; copy the link again"


@pytest.mark.parametrize("path", ["%FF", "a%C3", "%ED%A0%80"])
def test_a_path_in_another_encoding(path: str) -> None:
    with pytest.raises(CitationError) as caught:
        parse_link(f"seedqa:{path}{REST}")
    assert str(caught.value) == f"the path in {f'seedqa:{path}{REST}'!r} is not valid UTF-8; copy the link again"


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("..", ".."),
        ("../a.txt", "../a.txt"),
        ("a/../../b.txt", "a/../../b.txt"),
        ("a/..", "a/.."),
        ("%2e%2e/a.txt", "../a.txt"),
        ("%2E%2E%2Fa.txt", "../a.txt"),
        (".%2e/a.txt", "../a.txt"),
        ("/etc/passwd", "/etc/passwd"),
        ("//host/share", "//host/share"),
        ("%2Fetc/passwd", "/etc/passwd"),
        ("C:/a.txt", "C:/a.txt"),
        ("c%3A%2Fa.txt", "c:/a.txt"),
        ("a%00.txt", "a\0.txt"),
    ],
)
def test_a_path_that_leads_out_is_refused(written: str, path: str, tmp_path: Path) -> None:
    for read in (parse_link, lambda text: verify(text, tmp_path)):
        with pytest.raises(CitationError) as caught:
            read(f"seedqa:{written}{REST}")
        assert str(caught.value) == f"the path {path!r} leads out of the seeds folder; copy the link again"


def seeded(folder: Path, name: str = "notes.txt", text: str = TEXT) -> str:
    """Write a file and return the link to QUOTE in it."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    start = text.index(QUOTE)
    ranges = (start, start + len(QUOTE)), (start, start + len(QUOTE))
    return make_link(name, hashlib.sha256(path.read_bytes()).hexdigest(), *ranges, QUOTE)


def test_verified(tmp_path: Path) -> None:
    link = seeded(tmp_path)
    assert verify(f" {link} ", tmp_path) == Verification(
        status="verified",
        source="notes.txt",
        detail="notes.txt, line 1: the file is unchanged and says exactly what is quoted",
        link=link,
    )


@pytest.mark.parametrize("name", ["sub/ü ?#&%.txt", "日本/a.md", "~", "a%2e.txt", "CON.txt", "x" * 100 + ".txt"])
def test_verified_under_any_name(tmp_path: Path, name: str) -> None:
    assert verify(seeded(tmp_path, name), tmp_path).status == "verified"


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no such names")
@pytest.mark.parametrize("name", ["Notes: March.txt", "sub/12:30.txt", "a\\b.txt"])
def test_every_file_that_the_walk_finds_can_be_cited(tmp_path: Path, name: str) -> None:
    link = seeded(tmp_path, name)
    for file in walk(tmp_path)[0]:
        assert verify(link, tmp_path) == Verification(
            status="verified",
            source=file.path,
            detail=f"{name}, line 1: the file is unchanged and says exactly what is quoted",
            link=link,
        )


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (TEXT + "More.\n", "has changed since, but still says exactly what is quoted, at the same place"),
        (TEXT.replace("second", "other!"), "has changed since, and no longer says what is quoted at that place"),
        ("Before. " + TEXT, "has changed since, and no longer says what is quoted at that place"),
        ("", "can no longer be read (no text)"),
        ("a\0b", "can no longer be read (binary file)"),
    ],
)
def test_source_changed(tmp_path: Path, change: str, detail: str) -> None:
    link = seeded(tmp_path)
    (tmp_path / "notes.txt").write_bytes(change.encode())
    assert verify(link, tmp_path) == Verification(
        status="source changed", source="notes.txt", detail=f"notes.txt {detail}", link=link
    )


@pytest.mark.parametrize("name", ["notes.md", "notes.html"])
def test_source_changed_to_nothing(tmp_path: Path, name: str) -> None:
    link = seeded(tmp_path, name)
    (tmp_path / name).write_bytes(b" \n")
    assert verify(link, tmp_path).status == "source changed"


def test_the_quote_is_not_where_the_link_says(tmp_path: Path) -> None:
    link = seeded(tmp_path).replace("&quote=", "&quote=0")[:-1]
    assert verify(link, tmp_path) == Verification(
        status="source changed",
        source="notes.txt",
        detail="notes.txt is unchanged, but the quote is not at that place: the link or the reader differs",
        link=link,
    )


def test_source_missing(tmp_path: Path) -> None:
    link = seeded(tmp_path)
    (tmp_path / "notes.txt").unlink()
    missing = Verification(
        status="source missing",
        source="notes.txt",
        detail=f"notes.txt can't be read in {tmp_path} (No such file or directory)",
        link=link,
    )
    assert verify(link, tmp_path) == missing
    (tmp_path / "notes.txt").mkdir()
    assert verify(link, tmp_path).status == "source missing"
    assert verify(link, tmp_path).detail == f"notes.txt is no longer a file in {tmp_path}"
    gone = tmp_path / "gone"
    assert verify(link, gone).detail == f"notes.txt can't be read in {gone} (No such file or directory)"


@pytest.mark.skipif(os.name == "nt", reason="needs links and pipes")
def test_links_and_pipes_put_in_its_place(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds"
    link = seeded(seeds)
    source = seeds / "notes.txt"
    source.rename(tmp_path / "outside.txt")
    source.symlink_to("../outside.txt")
    with pytest.raises(CitationError) as caught:
        verify(link, seeds)
    assert str(caught.value) == f"notes.txt leads out of the seeds folder {seeds}; it is not opened"
    source.unlink()
    source.symlink_to("notes.txt")
    assert verify(link, seeds).status == "source missing"
    source.unlink()
    os.mkfifo(source)
    assert verify(link, seeds).detail == f"notes.txt is no longer a file in {seeds}"
    source.unlink()
    (tmp_path / "outside.txt").rename(seeds / "moved.txt")
    source.symlink_to("moved.txt")
    assert verify(link, seeds).status == "verified"
