"""Answers and sources as HTML. Every text from a document or a user is escaped by markupsafe, and only here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from markupsafe import Markup

from qa import export
from qa.answer import Answer, Citation, Context, Result, Verification
from qa.calibration import AS_SHIPPED, InForce
from qa.citation import quote_digest
from qa.page import pictures, texts

Spans = Iterable[tuple[int, int]]


def empty() -> Markup:
    """Return what stands where an answer will."""
    return Markup('<p class="sq-empty">{}</p>').format(texts.EMPTY)


def problem(message: str) -> Markup:
    """Return an error as the reader sees it."""
    return Markup('<p class="sq-problem" role="alert">{}</p>').format(message)


def chips(examples: Sequence[str]) -> Markup:
    """Return example questions as buttons, and the place where the browser puts recent ones."""
    buttons = Markup("").join(
        Markup('<button type="button" class="sq-chip" data-action="pick" data-question="{0}">{0}</button>').format(text)
        for text in examples
    )
    return Markup(
        '<div class="sq-chips"><span class="sq-label">{}</span>{}</div>'
        '<div class="sq-chips" id="sq-recent" hidden><span class="sq-label">{}</span>'
        '<span id="sq-recent-list"></span><button type="button" class="sq-quiet" data-action="forget">{}</button></div>'
    ).format(texts.EXAMPLES, buttons, texts.RECENT, texts.FORGET)


def answer(
    found: Answer,
    checks: Sequence[Verification],
    votes: Mapping[str, bool],
    asked: Mapping[str, object],
    *,
    group: bool,
    more: bool = True,
    calibrated: InForce = AS_SHIPPED,
) -> Markup:
    """Return an answer: what was found, its passages as cards, weaker ones behind a disclosure.

    ``votes`` has the reader's judgement of a passage by the hash of its quote; ``asked`` is what the page
    compares with the form to tell whether the results are outdated. ``more`` says that there may be more passages;
    ``calibrated`` is what the error rates of the threshold are taken from.
    """
    states = dict(zip((r.citation.link for r in found.results), checks, strict=True))
    strong = [r for r in found.results if found.found and r.confidence >= found.threshold]
    weak = [r for r in found.results if r not in strong]
    cards = {
        r.rank: _card(r, states[r.citation.link], votes.get(quote_digest(r.citation.quote))) for r in found.results
    }
    return Markup(
        '<section class="sq-answer" aria-labelledby="sq-heading" data-asked="{}" data-snapshot="{}" data-json="{}" '
        'data-markdown="{}" data-said="{}">'
        '<h2 id="sq-heading" class="sq-question" tabindex="-1">{}</h2>{}{}{}{}{}{}</section>'
    ).format(
        json.dumps(asked, sort_keys=True),
        found.snapshot,
        found.to_json(indent=2),
        export.answer_markdown(found, {link: check.status for link, check in states.items()}),
        texts.found(found),
        found.question,
        _outdated(),
        _notes(found),
        _verdict(found, calibrated),
        _listed(strong, cards, group=group),
        _weak(weak, cards, group=group, found=found.found),
        _tools(more=more),
    )


def _outdated() -> Markup:
    return Markup(
        '<p class="sq-outdated" role="status" hidden><span><span aria-hidden="true">⟳ </span>'
        '<span class="sq-why"></span></span>'
        '<button type="button" class="sq-button" data-action="again">{}</button></p>'
    ).format(texts.ASK_AGAIN)


def _notes(found: Answer) -> Markup:
    return Markup("").join(
        Markup('<p class="sq-note"><span aria-hidden="true">⚠ </span>{}</p>').format(texts.NOTE.format(note))
        for note in found.notes
    )


def _verdict(found: Answer, calibrated: InForce) -> Markup:
    if found.found:
        return Markup('<p class="sq-legend"><mark>{}</mark> · <u class="sq-hit">{}</u></p>').format(
            texts.LEGEND_EVIDENCE, texts.LEGEND_HIT
        )
    return Markup(
        '<div class="sq-refused"><h3><span aria-hidden="true">∅ </span>{}</h3><p>{}</p><p>{}</p></div>'
    ).format(texts.NOT_FOUND, texts.refusal(found), texts.threshold_meaning(found.threshold, calibrated))


def _listed(results: Sequence[Result], cards: Mapping[int, Markup], *, group: bool) -> Markup:
    """Return cards in order of rank, or under their documents in order of each one's best."""
    if not group:
        return Markup("").join(cards[r.rank] for r in results)
    best = {
        path: min(r.rank for r in results if r.citation.source == path) for path in {r.citation.source for r in results}
    }
    ordered = sorted(results, key=lambda r: (best[r.citation.source], r.rank))
    groups = groupby(ordered, key=lambda r: (r.citation.title, r.citation.source))
    return Markup("").join(
        Markup(
            '<div class="sq-group"><h3 class="sq-document"><span class="sq-name">{}</span> '
            '<span class="sq-path">{}</span></h3>{}</div>'
        ).format(title, path, Markup("").join(cards[r.rank] for r in members))
        for (title, path), members in groups
    )


def _weak(results: Sequence[Result], cards: Mapping[int, Markup], *, group: bool, found: bool) -> Markup:
    if not results:
        return Markup("")
    name = texts.WEAKER if found else texts.WEAK
    return Markup('<details class="sq-weak"><summary>{} ({})</summary>{}</details>').format(
        name, len(results), _listed(results, cards, group=group)
    )


def _tools(*, more: bool) -> Markup:
    exports = (("save-markdown", texts.EXPORT_MARKDOWN), ("save-json", texts.EXPORT_JSON))
    buttons = (("more", texts.MORE), *exports) if more else exports
    return Markup('<div class="sq-tools">{}</div>').format(Markup("").join(_button(*button) for button in buttons))


def _button(action: str, name: str, **data: object) -> Markup:
    attributes = Markup("").join(Markup(' data-{}="{}"').format(key, value) for key, value in data.items())
    return Markup('<button type="button" class="sq-button" data-action="{}"{}>{}</button>').format(
        action, attributes, name
    )


def _card(result: Result, check: Verification, vote: bool | None) -> Markup:
    citation, rank = result.citation, result.rank
    return Markup(
        '<article class="sq-card" id="sq-card-{rank}" data-rank="{rank}" aria-labelledby="sq-title-{rank}">'
        '<header><span class="sq-rank" aria-hidden="true">{rank}</span><div>'
        '<h3 id="sq-title-{rank}" tabindex="-1"><span class="sq-hidden">{rank}. </span>{title}</h3>'
        '<p class="sq-place">{about}<span class="sq-path">{place}</span></p></div>{state}</header>{detail}'
        '<blockquote dir="auto">{quote}</blockquote>'
        '<details class="sq-why-box"><summary>{why} <strong>{confidence:.2f}</strong> '
        '<meter min="0" max="1" value="{confidence:.2f}" aria-hidden="true"></meter></summary>'
        "<ul>{reasons}</ul></details>"
        '<div class="sq-actions">{open}{copies}{verify}<span class="sq-votes">{votes}</span></div></article>'
    ).format(
        rank=rank,
        title=citation.title,
        about=_about(citation),
        place=citation.place,
        state=_state(check, rank),
        detail=_detail(check, rank),
        quote=_marked(citation.quote, citation.start, (citation.evidence_start, citation.evidence_end), result.hits),
        why=texts.WHY,
        confidence=result.confidence,
        reasons=Markup("").join(Markup("<li>{}</li>").format(reason) for reason in texts.reasons(result)),
        open=_button("open", texts.OPEN, rank=rank, link=citation.link),
        copies=_copies(citation),
        verify=_button("verify", texts.VERIFY, rank=rank, link=citation.link),
        votes=_votes(citation.link, vote),
    )


def _about(citation: Citation) -> Markup:
    """Return who wrote a passage and when, and the headings above it, each as far as there is one."""
    told = ((citation.origin, "sq-origin"), (" › ".join(citation.section), "sq-name"))
    return Markup("").join(Markup('<span class="{}">{}</span> · ').format(name, text) for text, name in told if text)


def _state(check: Verification, place: int | str) -> Markup:
    """Return the state of a citation as a sign and a word."""
    return Markup('<span class="sq-state sq-{}" id="sq-state-{}"><span aria-hidden="true">{}</span> {}</span>').format(
        check.status.replace(" ", "-"), place, texts.STATES[check.status], check.status
    )


def _detail(check: Verification, place: int | str) -> Markup:
    """Return the sentence behind the state of a citation, shown where something is wrong with it."""
    hidden = Markup(" hidden") if check.status == "verified" else ""
    return Markup('<p class="sq-detail" id="sq-detail-{}"{}>{}</p>').format(place, hidden, check.detail)


def _copies(citation: Citation) -> Markup:
    formats = (
        (texts.COPY_PLAIN, export.plain(citation)),
        (texts.COPY_MARKDOWN, export.markdown(citation)),
        (texts.COPY_BIBTEX, export.bibtex(citation)),
    )
    buttons = Markup("").join(_button("copy", name, text=text) for name, text in formats)
    return Markup('<details class="sq-menu"><summary class="sq-button">{}</summary><div>{}{}</div></details>').format(
        texts.COPY, buttons, _button("copy-link", texts.COPY_LINK, link=citation.link)
    )


def _votes(link: str, vote: bool | None) -> Markup:
    return Markup("").join(
        Markup(
            '<button type="button" class="sq-button sq-vote" data-action="vote" data-link="{}" data-useful="{}" '
            'aria-pressed="{}"><span aria-hidden="true">{} </span>{}</button>'
        ).format(link, str(useful).lower(), str(vote is useful).lower(), sign, name)
        for useful, name, sign in ((True, texts.USEFUL, "✓"), (False, texts.USELESS, "✗"))
    )


def context(
    shown: Context, check: Verification | None, rank: int, ranks: int, drawn: pictures.Drawn = pictures.NOTHING
) -> Markup:
    """Return a source around its passage, with the state of its citation where the passage was located.

    ``rank`` is the passage's among ``ranks`` of an answer; 0 for none. The pages that were ``drawn`` come before
    the text.
    """
    return Markup(
        '<aside class="sq-context" aria-labelledby="sq-context-title" data-rank="{}" data-link="{}">'
        '<header><div><h2 id="sq-context-title" tabindex="-1"><span class="sq-hidden">{}: </span>{}</h2>'
        '<p class="sq-place">{}<span class="sq-path">{}</span> {}</p></div>{}</header>{}{}{}'
        '<div class="sq-source sq-{}" tabindex="0" role="region" aria-label="{}" dir="auto">{}{}{}{}</div></aside>'
    ).format(
        rank,
        shown.citation.link if shown.citation else "",
        texts.CONTEXT,
        shown.title,
        _about(shown.citation) if shown.citation else "",
        shown.citation.place if shown.citation else shown.source,
        _state(check, "here") if check else "",
        _walk(rank, ranks),
        _detail(check, "here") if check else "",
        Markup("").join(_note(note) for note in (shown.note, drawn.note) if note),
        pictures.tools(drawn),
        shown.format,
        shown.title,
        pictures.leaves(drawn, shown.title),
        _cut(texts.CUT_BEFORE, shown.text_start),
        _source(shown),
        _cut(texts.CUT_AFTER, shown.length - shown.text_start - len(shown.text)),
    )


def _note(note: str) -> Markup:
    return Markup('<p class="sq-note" role="status">{}</p>').format(note)


def no_context(message: str) -> Markup:
    """Return what stands where a source would, with the reason why there is none."""
    return Markup(
        '<aside class="sq-context" aria-labelledby="sq-context-title" data-rank="0" data-link=""><header>'
        '<h2 id="sq-context-title" tabindex="-1">{}</h2>{}</header><p class="sq-problem" role="alert">{}</p></aside>'
    ).format(texts.NO_CONTEXT, _walk(0, 0), message)


def _source(shown: Context) -> Markup:
    """Return the text of a source with its passage marked by its offsets, or unmarked where it has none."""
    text, base, cited = shown.text, shown.text_start, shown.citation
    if cited is None:
        return _hits(text, base, shown.hits)
    evidence = cited.evidence_start, cited.evidence_end
    return Markup('{}<span class="sq-passage" id="sq-here" tabindex="-1">{}</span>{}').format(
        _hits(text[: cited.start - base], base, shown.hits),
        _marked(cited.quote, cited.start, evidence, shown.hits),
        _hits(text[cited.end - base :], cited.end, shown.hits),
    )


def _walk(rank: int, ranks: int) -> Markup:
    """Return the buttons that lead to the neighbours of a passage, and close the source."""
    steps = ""
    if rank:
        steps = Markup(
            '<button type="button" class="sq-button" data-action="open" data-rank="{}" aria-label="{}" {}>{}</button>'
            '<span class="sq-of">{} / {}</span>'
            '<button type="button" class="sq-button" data-action="open" data-rank="{}" aria-label="{}" {}>{}</button>'
        ).format(
            rank - 1, texts.PREVIOUS_HIT, "disabled" if rank == 1 else "", texts.PREVIOUS_HIT_SIGN, rank, ranks,
            rank + 1, texts.NEXT_HIT, "disabled" if rank == ranks else "", texts.NEXT_HIT_SIGN,
        )  # fmt: skip
    return Markup('<div class="sq-walk">{}{}</div>').format(steps, _button("close", texts.CLOSE))


def _cut(words: str, count: int) -> Markup:
    return Markup('<p class="sq-cut">{}</p>').format(words.format(count=count)) if count > 0 else Markup("")


def _marked(text: str, base: int, evidence: tuple[int, int], hits: Spans) -> Markup:
    """Return a passage that begins at offset ``base`` with its evidence and the question's words marked."""
    start, end = evidence[0] - base, evidence[1] - base
    return Markup("{}<mark>{}</mark>{}").format(
        _hits(text[:start], base, hits), _hits(text[start:end], base + start, hits), _hits(text[end:], base + end, hits)
    )


def _hits(text: str, base: int, hits: Spans) -> Markup:
    """Return text that begins at offset ``base`` with the ranges of ``hits`` that lie in it underlined."""
    return Markup("").join(_pieces(text, base, hits))


def _pieces(text: str, base: int, hits: Spans) -> Iterator[Markup]:
    done = 0
    for first, last in hits:
        start, end = max(first - base, done), min(last - base, len(text))
        if start < end:
            yield Markup('{}<u class="sq-hit">{}</u>').format(text[done:start], text[start:end])
            done = end
    yield Markup("{}").format(text[done:])
