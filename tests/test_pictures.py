"""Pictures of pages: the boxes of what is cited lie where the ink is, and what can't be drawn is told."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from index import build
from index.errors import CitationError, QuestionError, SeedQAError
from qa import Index
from qa.answer import Context, ShownPage
from qa.page import asked, pictures, texts
from qa.page.service import Service
from qa.rebuild import Rebuilder
from tests.fakes import HashEncoder
from tests.papers import HEIGHT, WIDTH, Line, paper

QUESTION = "When does the pilot board the ship?"
PILOT = Line(text="The pilot boards the ship at dawn.")
LINES = (PILOT, Line(text="He speaks Dutch and some Greek.", base=158), Line(text="His boat is red.", x=110, base=174))

Serve = Callable[..., Service]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve an index of files that are given by name."""
    opened: list[Index] = []
    seeds = tmp_path / "seeds"
    seeds.mkdir()

    def start(*, private: bool = True, **files: bytes) -> Service:
        for name, data in files.items():
            (seeds / name.replace("_", ".")).write_bytes(data)
        build(seeds, tmp_path / "index", HashEncoder())
        opened.append(Index(tmp_path / "index", tmp_path, encoder=HashEncoder()))
        return Service(
            opened[-1], tmp_path / "index", Rebuilder(tmp_path / "index", tmp_path, model="fake", backend="fake"),
            private=private,
        )  # fmt: skip

    yield start
    for index in opened:
        index.close()


def opened(service: Service, question: str = QUESTION) -> tuple[str, Context]:
    """Return the link of the passage that answers best, and the passage in its place."""
    link = service.search(question).results[0].citation.link
    return link, service.open_passage(link, question)


def ink(service: Service, link: str, page: ShownPage, width: int = 1200) -> NDArray[np.float64]:
    """Return where in the picture of a page there is ink: left and top in points, a row for each dark pixel."""
    image = Image.open(io.BytesIO(base64.b64decode(service.page_picture(link, page.number, width)))).convert("L")
    assert image.width == width
    assert image.height == pytest.approx(width * page.height / page.width, abs=1)
    rows, columns = np.nonzero(np.asarray(image) < 100)
    return np.column_stack([columns, rows]) * page.width / width


def within(points: NDArray[np.float64], page: ShownPage, kind: str, slack: float = 1.5) -> NDArray[np.bool_]:
    """Tell for each point whether it lies in a box of that kind."""
    found = np.zeros(len(points), dtype=bool)
    for box in getattr(page, kind):
        low, high = np.array([box.left, box.top]) - slack, np.array([box.right, box.bottom]) + slack
        found |= ((points >= low) & (points <= high)).all(axis=1)
    return found


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
@pytest.mark.parametrize("corner", [(0, 0), (40, 60)])
def test_boxes_lie_where_the_words_were_put_and_where_the_ink_is(
    serve: Serve, turned: int, corner: tuple[float, float]
) -> None:
    service = serve(rules_pdf=paper(LINES, turned=turned, corner=corner))
    link, context = opened(service)
    [page] = context.pages
    size = WIDTH - corner[0], HEIGHT - corner[1]
    assert (page.width, page.height) == pytest.approx(size if turned % 180 == 0 else size[::-1])
    assert len(page.passage) == 3
    for box, line in zip(page.passage, LINES, strict=True):
        assert (box.left, box.right) == pytest.approx(line.place(line.text), abs=1.5)
        assert line.base - 13 <= box.top <= line.base - 8
        assert line.base <= box.bottom <= line.base + 4
    assert page.evidence == page.passage[:1]
    on_line = sorted((hit.left, hit.right) for hit in page.hits if hit.bottom < 150)
    assert on_line == [pytest.approx(PILOT.place(word), abs=1.5) for word in ("pilot", "boards", "ship")]
    dark = ink(service, link, page)
    assert len(dark) > 1000
    assert within(dark, page, "passage").all()
    for box, line in zip(page.passage, LINES, strict=True):
        inside = dark[within(dark, replace(page, passage=(box,)), "passage")]
        assert (inside[:, 0].min(), inside[:, 0].max()) == pytest.approx((box.left, box.right), abs=2.5)
        assert inside[:, 1].min() == pytest.approx(line.base - 8.6, abs=1)


def test_a_passage_on_two_pages_shows_both_in_order(serve: Serve) -> None:
    first = tuple(Line(text=f"The pilot boards ship number {n} at dawn,", base=590 + 16 * n) for n in range(12))
    second = (Line(text="and leaves it at noon by the mole.", base=72),)
    service = serve(rules_pdf=paper(first, second))
    link, context = opened(service)
    assert [page.number for page in context.pages] == [1, 2]
    drawn = pictures.draw(context, service.page_picture)
    assert ([page for page, _ in drawn.pages], drawn.note) == (list(context.pages), "")
    for page in context.pages:
        dark = ink(service, link, page)
        assert len(dark)
        assert within(dark, page, "passage").all()
    assert context.citation
    assert context.citation.location.words == "pages 1–2"


def test_a_document_in_an_archive_is_drawn(serve: Serve) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("letters/rules.pdf", paper(LINES))
    service = serve(post_zip=packed.getvalue())
    link, context = opened(service)
    assert context.source == "post.zip/letters/rules.pdf"
    dark = ink(service, link, context.pages[0])
    assert within(dark, context.pages[0], "passage").all()


def test_a_file_that_changed_or_went_is_not_drawn(serve: Serve, tmp_path: Path) -> None:
    service = serve(rules_pdf=paper(LINES))
    link, context = opened(service)
    shown = asked.source(service, link, QUESTION)
    assert shown.count("<img ") == 1
    file = tmp_path / "seeds" / "rules.pdf"
    file.write_bytes(paper((PILOT,)))
    changed = "rules.pdf has changed since it was cited, so its pages are not shown; rebuild first"
    with pytest.raises(SeedQAError) as caught:
        service.page_picture(link, 1)
    assert str(caught.value) == changed
    file.write_bytes(b"no PDF")
    damaged = pictures.draw(context, service.page_picture)
    assert damaged.pages == ()
    assert damaged.note.startswith("page 1 of rules.pdf can't be drawn: ")
    file.unlink()
    gone = pictures.draw(context, service.page_picture)
    assert gone.pages == ()
    assert gone.note.startswith("page 1 of rules.pdf can't be drawn: ")
    shown = asked.source(service, link, QUESTION)
    assert "<img " not in shown
    assert texts.BELOW in shown
    assert "source missing" in shown
    assert "He speaks Dutch and some Greek." in shown


def test_others_are_not_told_where_the_file_is(serve: Serve, tmp_path: Path) -> None:
    service = serve(private=False, rules_pdf=paper(LINES))
    link, context = opened(service)
    (tmp_path / "seeds" / "rules.pdf").unlink()
    assert str(tmp_path) not in pictures.draw(context, service.page_picture).note
    with pytest.raises(SeedQAError) as caught:
        service.page_picture(link, 1)
    assert str(tmp_path) not in str(caught.value)


def test_what_is_no_page_is_refused(serve: Serve) -> None:
    service = serve(rules_pdf=paper(LINES), a_txt=b"Gulls nest on the roof of the old mill.")
    link, _ = opened(service)
    for number, width, line in (
        (0, 1200, "number is 0, expected a whole number from 1 to 1,000,000"),
        (True, 1200, "number is True, expected a whole number from 1 to 1,000,000"),
        (1, 99, "width is 99, expected a whole number from 100 to 2,000"),
        (1, 2001, "width is 2001, expected a whole number from 100 to 2,000"),
    ):
        with pytest.raises(QuestionError) as caught:
            service.page_picture(link, number, width)
        assert str(caught.value) == line
    with pytest.raises(SeedQAError, match=r"^page 2 of rules\.pdf can't be drawn: there is no page 2: "):
        service.page_picture(link, 2)
    with pytest.raises(CitationError, match="is not a citation link"):
        service.page_picture("rules.pdf", 1)
    text, context = opened(service, "Where do gulls nest?")
    assert context.pages == ()
    with pytest.raises(SeedQAError, match=r"^page 1 of a\.txt can't be drawn: "):
        service.page_picture(text, 1)


def test_drawing_waits_for_its_turn(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qa.page.service.FILES_AT_ONCE", 1)
    monkeypatch.setattr("qa.page.bounds.WAIT_SECONDS", 0.05)
    service = serve(rules_pdf=paper(LINES))
    link, context = opened(service)
    with service._file_turns.one():
        drawn = pictures.draw(context, service.page_picture)
    assert drawn == pictures.Drawn(note=f"the server is busy; try again in a moment. {texts.BELOW}")
    assert len(pictures.draw(context, service.page_picture).pages) == 1
    assert service.page_picture(link, 1)
