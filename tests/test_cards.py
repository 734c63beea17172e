"""Answers and sources as HTML: marked by offsets, and with every text escaped, whatever it holds."""

from __future__ import annotations

from dataclasses import replace
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from index.errors import SourceError
from index.records import Box, Location
from qa import Answer, Citation, Context, Result, Verification
from qa.answer import ShownPage
from qa.citation import make_link
from qa.page import cards, pictures, texts

HOSTILE = (
    "<script>alert(1)</script> & \"quoted\" 'single' `tick` ${alert(1)} {{x}} </mark></article> &lt;b&gt; \u202ebidi"
)

TEXT = st.text(st.sampled_from("<>&\"'`${}= abé漢\u202e\n/"), min_size=4, max_size=30)


def cited(title: str, quote: str, start: int = 7) -> Citation:
    middle, location = len(quote) // 2, Location(unit="line", first=1, last=2)
    return Citation(
        title=title, source=f"{title}.txt", sha256="0" * 64, section=(title,), author=title, date=title,
        location=location, evidence_location=location, copies=(title,) * 5, start=start,
        end=start + len(quote), quote=quote, evidence_start=start + 1, evidence_end=start + max(2, middle),
        link=make_link(title, "0" * 64, (start, start + len(quote)), (start + 1, start + 2), quote),
    )  # fmt: skip


def answered(question: str, citation: Citation, hits: tuple[tuple[int, int], ...] = ()) -> Answer:
    result = Result(
        rank=1, score=1, confidence=0.9, cosine=0.5, closeness=5, bm25=1, coverage=0.5, evidence_coverage=0.25,
        hits=hits, citation=citation,
    )  # fmt: skip
    return Answer(
        question=question,
        found=True,
        confidence=0.9,
        threshold=0.2,
        snapshot="0" * 16,
        results=(result,),
        notes=(question,),
    )


CHECK = Verification(status="source changed", source="a", detail=HOSTILE, link="")


def parse(answer: Answer, detail: str = "as it was") -> html.HtmlElement:
    check = Verification(status="verified", source="a", detail=detail, link=answer.results[0].citation.link)
    return html.fragment_fromstring(cards.answer(answer, [check], {}, {"question": answer.question}, group=True))


def only_ours(root: html.HtmlElement) -> None:
    """Nothing but our own elements, and no attribute that runs."""
    tags = {element.tag for element in root.iter()}
    assert tags <= {
        "section", "h2", "h3", "p", "span", "button", "mark", "u", "div", "article", "header", "blockquote", "details",
        "summary", "strong", "meter", "ul", "li", "aside",
    }  # fmt: skip
    assert not any(name.startswith("on") or name in ("href", "src", "style") for e in root.iter() for name in e.attrib)


def test_hostile_text_stays_text_everywhere() -> None:
    root = parse(answered(HOSTILE, cited(HOSTILE, HOSTILE)), HOSTILE)
    only_ours(root)
    assert root.find(".//blockquote").text_content() == HOSTILE
    assert root.get("data-json") == answered(HOSTILE, cited(HOSTILE, HOSTILE)).to_json(indent=2)
    assert root.find(".//h3[@id='sq-title-1']").text_content() == f"1. {HOSTILE}"


@given(TEXT, TEXT, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=4))
def test_a_quote_reads_as_it_is_with_its_evidence_marked(title: str, quote: str, ranges: list[tuple[int, int]]) -> None:
    citation = cited(title, quote)
    hits, done = [], 0
    for first, size in sorted(ranges):
        if first >= done and size:
            hits.append((citation.start + first, citation.start + first + size))
            done = first + size
    root = parse(answered(title, citation, tuple(hits)))
    only_ours(root)
    quoted = root.find(".//blockquote")
    assert quoted.text_content() == quote
    assert quoted.find("mark").text_content() == citation.evidence
    underlined = "".join(hit.text_content() for hit in quoted.iter("u"))
    assert underlined == "".join(quote[first - citation.start : last - citation.start] for first, last in hits)


@given(TEXT, TEXT, TEXT)
def test_a_source_reads_as_it_is_with_its_passage_marked(before: str, quote: str, after: str) -> None:
    citation = cited("a", quote, start=100 + len(before))
    shown = Context(
        title=quote, source="a.txt", format="text", length=500, text_start=100, text=before + quote + after,
        citation=citation, hits=(), note=after, snapshot="0" * 16,
    )  # fmt: skip
    root = html.fragment_fromstring(cards.context(shown, CHECK, 1, 2))
    only_ours(root)
    pane = root.find(".//div[@role='region']")
    assert before + quote + after in pane.text_content()
    assert pane.find(".//span[@id='sq-here']").text_content() == quote
    assert pane.find(".//mark").text_content() == citation.evidence


LETTER = {"width": 600.0, "height": 800.0}


def box(left: float, top: float, right: float, bottom: float, page: int = 12) -> Box:
    return Box(page=page, left=left, top=top, right=right, bottom=bottom)


def page_of(number: int = 12, *passage: Box, evidence: tuple[Box, ...] = (), hits: tuple[Box, ...] = ()) -> ShownPage:
    return ShownPage(number=number, **LETTER, passage=passage, evidence=evidence, hits=hits)


def shown_on(*pages: ShownPage, title: str = "t") -> Context:
    citation = cited("a", "The quote of a page.", start=3)
    return Context(
        title=title, source="a.pdf", format="pdf", length=23, text_start=0, text=f"on {citation.quote}",
        citation=citation, hits=(), note="", snapshot="0" * 16, pages=pages,
    )  # fmt: skip


def laid(root: html.HtmlElement, kind: str) -> list[str]:
    """Return where the boxes of a kind are laid over the pages."""
    return [span.get("style") for span in root.iterfind(f".//span[@class='sq-box sq-box-{kind}']")]


def pictured(context: Context) -> html.HtmlElement:
    drawn = pictures.draw(context, lambda link, number: f"{number}AAA")
    return html.fragment_fromstring(cards.context(context, CHECK, 1, 2, drawn))


def test_a_page_is_a_picture_with_boxes_over_it_and_the_text_follows() -> None:
    context = shown_on(
        page_of(12, box(60, 700, 540, 720), box(60, 720, 300, 740), evidence=(box(60, 720, 300, 740),)),
        page_of(13, box(60, 80, 120, 100, 13), hits=(box(66, 80, 96, 100, 13),)),
        title=HOSTILE,
    )
    root = pictured(context)
    images = [(image.get("src"), image.get("alt")) for image in root.iter("img")]
    assert images == [
        (f"data:image/png;base64,{number}AAA", f"Page {number} of {HOSTILE}; the passage is marked")
        for number in (12, 13)
    ]
    assert [sheet.get("style") for sheet in root.iterfind(".//div[@class='sq-sheet']")] == [
        "aspect-ratio:600.00/800.00"
    ] * 2
    assert laid(root, "passage") == [
        "left:10.000%;top:87.500%;width:80.000%;height:2.500%",
        "left:10.000%;top:90.000%;width:40.000%;height:2.500%",
        "left:10.000%;top:10.000%;width:10.000%;height:2.500%",
    ]
    assert laid(root, "evidence") == ["left:10.000%;top:90.000%;width:40.000%;height:2.500%"]
    assert laid(root, "hit") == ["left:11.000%;top:10.000%;width:5.000%;height:2.500%"]
    assert laid(root, "bar") == [
        "left:10.000%;top:87.500%;width:80.000%;height:5.000%",
        "left:10.000%;top:10.000%;width:10.000%;height:2.500%",
    ]
    pane = root.find(".//div[@role='region']")
    assert pane.text_content() == f"Page 12Page 13{texts.EXTRACTED}{context.text}"
    assert pane.find(".//span[@id='sq-here']").text_content() == "The quote of a page."


@pytest.mark.parametrize(
    ("boxes", "columns"),
    [
        ([(60, 700, 280, 720), (320, 80, 540, 100), (320, 100, 540, 120)], [(60, 700, 280, 720), (320, 80, 540, 120)]),
        ([(320, 80, 540, 100), (60, 700, 280, 720)], [(320, 80, 540, 100), (60, 700, 280, 720)]),
        ([(60, 80, 100, 90), (300, 82, 400, 92), (60, 95, 120, 105)], [(60, 80, 400, 105)]),  # rows of a table
        ([(60, 80, 100, 90), (200, 70, 300, 75)], [(60, 80, 100, 90), (200, 70, 300, 75)]),
    ],
)
def test_a_bar_goes_along_each_column(boxes: list[tuple[int, ...]], columns: list[tuple[int, ...]]) -> None:
    root = pictured(shown_on(page_of(12, *(box(*sides) for sides in boxes))))
    assert laid(root, "bar") == laid(pictured(shown_on(page_of(12, *(box(*sides) for sides in columns)))), "passage")


def test_a_page_without_boxes_is_not_said_to_be_marked() -> None:
    [image] = pictured(shown_on(page_of(1_200))).iter("img")
    assert image.get("alt") == "Page 1,200 of t"


@pytest.mark.parametrize(
    ("marked", "expected", "more"),
    [(2, [1, 2, 3, 4], "3 pages are"), (4, [1, 2, 3, 4], "3 pages are"), (5, [4, 5, 6, 7], "3 pages are"),
     (7, [4, 5, 6, 7], "3 pages are")],
)  # fmt: skip
def test_of_many_pages_those_with_the_evidence_are_drawn(marked: int, expected: list[int], more: str) -> None:
    here = box(1, 1, 2, 2)
    context = shown_on(*(page_of(n, here, evidence=(here,) * (n == marked)) for n in range(1, 8)))
    drawn = pictures.draw(context, lambda link, number: "")
    assert [page.number for page, _ in drawn.pages] == expected
    assert drawn.note == f"The passage goes over more pages: {more} not shown. {texts.BELOW}"


def test_what_can_t_be_drawn_is_told_and_the_text_shown() -> None:
    context = shown_on(page_of(12, box(60, 80, 540, 100)), page_of(13, box(60, 80, 540, 100, 13)))

    def draw(link: str, number: int) -> str:
        assert context.citation
        assert link == context.citation.link
        if number == broken:
            raise SourceError(f"page {number} is damaged: {HOSTILE}")
        return "AAA"

    for broken in (12, 13):
        drawn = pictures.draw(context, draw)
        assert [page.number for page, _ in drawn.pages] == [12][: broken - 12]
        root = html.fragment_fromstring(cards.context(context, CHECK, 1, 2, drawn))
        note = root.find("p[@class='sq-note']").text_content()
        assert note == f"page {broken} is damaged: {HOSTILE}. {texts.BELOW}"
        assert len(list(root.iter("img"))) == broken - 12
        assert root.find(".//span[@id='sq-here']").text_content() == "The quote of a page."
    broken = 12
    root = html.fragment_fromstring(cards.context(context, CHECK, 1, 2, pictures.draw(context, draw)))
    only_ours(root)
    assert root.find(".//div[@role='region']").text_content() == context.text


def test_without_pages_nothing_is_drawn() -> None:
    context = shown_on()
    assert pictures.draw(context, lambda link, number: "") == pictures.Drawn()
    gone = replace(shown_on(page_of(12)), citation=None)
    assert pictures.draw(gone, lambda link, number: "") == pictures.Drawn()


def test_a_card_tells_author_date_and_some_of_the_copies() -> None:
    citation = replace(
        cited("a", "The quote."), author="Ann <Oakley>", date="2024-03-01", copies=("b", "c", "d", "e", "f")
    )
    root = parse(answered("q", citation))
    about = "Ann <Oakley>, 2024-03-01 · a · a.txt, lines 1–2 (also as b, c, d and 2 more)"
    assert root.find(".//p[@class='sq-place']").text_content() == about


def test_a_source_without_its_passage_marks_nothing() -> None:
    shown = Context(
        title="t", source="a.txt", format="text", length=3, text_start=0, text="abc", citation=None, hits=(),
        note="gone", snapshot="0" * 16,
    )  # fmt: skip
    root = html.fragment_fromstring(cards.context(shown, None, 0, 0))
    assert list(root.iter("mark")) == []
    assert root.find(".//*[@id='sq-here']") is None
    assert "gone" in root.text_content()


def test_what_is_escaped_is_escaped_once() -> None:
    assert unescape(cards.problem("a < b & c")) == '<p class="sq-problem" role="alert">a < b & c</p>'
