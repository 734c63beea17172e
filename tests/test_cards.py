"""Answers and sources as HTML: marked by offsets, and with every text escaped, whatever it holds."""

from __future__ import annotations

from html import unescape

from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from qa import Answer, Citation, Context, Result, Verification
from qa.citation import make_link
from qa.page import cards

HOSTILE = (
    "<script>alert(1)</script> & \"quoted\" 'single' `tick` ${alert(1)} {{x}} </mark></article> &lt;b&gt; \u202ebidi"
)

TEXT = st.text(st.sampled_from("<>&\"'`${}= abé漢\u202e\n/"), min_size=4, max_size=30)


def cited(title: str, quote: str, start: int = 7) -> Citation:
    middle = len(quote) // 2
    return Citation(
        title=title, source=f"{title}.txt", sha256="0" * 64, section=(title,), line_start=1, line_end=2, start=start,
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
