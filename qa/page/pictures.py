"""The pages on which a passage stands, as pictures with what is marked on them laid over: boxes, never a search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from index.errors import SeedQAError
from index.records import Box
from qa.answer import Context, ShownPage
from qa.page import texts

MOST = 4
"""Pages drawn of one passage: one of a book stands on one or two, one of slides with few words may go over many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The pages of a passage that could be drawn."""

    pages: tuple[tuple[ShownPage, str], ...] = ()
    """In order, each with its picture: PNG in base64."""
    note: str = ""
    """Why there are not all of them; else empty."""


NOTHING = Drawn()


def draw(shown: Context, picture: Callable[[str, int], str]) -> Drawn:
    """Return the pages on which a passage stands; ``picture`` draws one of a citation's link and its number.

    A page that can't be drawn takes those after it along: the reason is told, and the text says the same.
    """
    if shown.citation is None or not shown.pages:
        return NOTHING
    chosen = _chosen(shown.pages)
    drawn: list[tuple[ShownPage, str]] = []
    try:
        for page in chosen:
            drawn.append((page, picture(shown.citation.link, page.number)))  # noqa: PERF401 - kept where one fails
    except SeedQAError as error:
        return Drawn(pages=tuple(drawn), note=texts.not_drawn(str(error)))
    return Drawn(pages=tuple(drawn), note=texts.pages_left(len(shown.pages) - len(chosen)))


def _chosen(pages: Sequence[ShownPage]) -> Sequence[ShownPage]:
    """Return the first pages, or where the evidence is on none of them, those from its first one on."""
    marked = next((at for at, page in enumerate(pages) if page.evidence), 0)
    begin = 0 if marked < MOST else min(marked, len(pages) - MOST)
    return pages[begin : begin + MOST]


def tools(drawn: Drawn) -> Markup:
    """Return the buttons that enlarge the pages and lead to them and to the text below, where there are pages."""
    if not drawn.pages:
        return Markup("")
    return Markup(
        '<div class="sq-tools"><button type="button" class="sq-button" data-action="zoom" aria-pressed="false">{}'
        '</button><button type="button" class="sq-button" data-action="to-page">{}</button>'
        '<button type="button" class="sq-button" data-action="to-text">{}</button></div>'
    ).format(texts.ZOOM, texts.TO_PAGE, texts.TO_TEXT)


def leaves(drawn: Drawn, title: str) -> Markup:
    """Return the pages with their marks, and the heading of the text that follows; nothing where there are none."""
    if not drawn.pages:
        return Markup("")
    return Markup('<div class="sq-pages">{}</div><h3 class="sq-extracted">{}</h3>').format(
        Markup("").join(_leaf(page, picture, title) for page, picture in drawn.pages), texts.EXTRACTED
    )


def _leaf(page: ShownPage, picture: str, title: str) -> Markup:
    return Markup(
        '<figure class="sq-page" tabindex="-1"><div class="sq-sheet" style="aspect-ratio:{:.2f}/{:.2f}">'
        '<img src="data:image/png;base64,{}" alt="{}" draggable="false">'
        '<div class="sq-boxes" aria-hidden="true">{}{}{}{}</div></div><figcaption>{}</figcaption></figure>'
    ).format(
        page.width,
        page.height,
        picture,
        texts.page_of(page.number, title, marked=bool(page.passage)),
        _boxes(page, page.passage, "passage"),
        _boxes(page, _columns(page.passage), "bar"),
        _boxes(page, page.evidence, "evidence"),
        _boxes(page, page.hits, "hit"),
        texts.page_number(page.number),
    )


def _boxes(page: ShownPage, boxes: Sequence[Box], kind: str) -> Markup:
    """Return boxes as elements laid over the picture: in percent, so that they hold at every size."""
    return Markup("").join(
        Markup(
            '<span class="sq-box sq-box-{}" style="left:{:.3f}%;top:{:.3f}%;width:{:.3f}%;height:{:.3f}%"></span>'
        ).format(
            kind,
            100 * box.left / page.width,
            100 * box.top / page.height,
            100 * (box.right - box.left) / page.width,
            100 * (box.bottom - box.top) / page.height,
        )
        for box in boxes
    )


def _columns(boxes: Sequence[Box]) -> tuple[Box, ...]:
    """Return the outlines of the columns that boxes in reading order make."""
    columns: list[Box] = []
    before: Box | None = None
    for box in boxes:
        if before is not None and (_beside(box, before) or _below(box, columns[-1])):
            columns[-1] = _around(columns[-1], box)
        else:
            columns.append(box)
        before = box
    return tuple(columns)


def _beside(box: Box, before: Box) -> bool:
    """Tell whether a box stands on the line of the one before it."""
    return box.top < before.bottom and before.top < box.bottom


def _below(box: Box, column: Box) -> bool:
    return box.top >= column.top and box.left < column.right and column.left < box.right


def _around(one: Box, other: Box) -> Box:
    return Box(
        page=one.page,
        left=min(one.left, other.left),
        top=min(one.top, other.top),
        right=max(one.right, other.right),
        bottom=max(one.bottom, other.bottom),
    )
