"""The state of the index as HTML: documents, what was left out, the snapshot, rebuilds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import msgspec
from markupsafe import Markup

from index.compare import Difference
from index.manifest import Manifest
from index.records import Skipped
from qa.answer import DocumentStatus
from qa.page import texts
from qa.page.records import AddedFiles, IndexStatus
from qa.rebuild import BuildState

SHOWN = 500
"""Rows of a table; the filter finds the others."""


def masthead(manifest: Manifest, build: BuildState) -> Markup:
    """Return the title of the page and what is in force."""
    facts = (
        texts.count(manifest.counts.documents, "document"),
        texts.count(manifest.counts.passages, "passage"),
        Markup("{} <code>{}</code>").format(texts.IN_FORCE, manifest.id),
    )
    working = Markup(' · <span class="sq-working">{}</span>').format(texts.progress(build)) if build.running else ""
    return Markup(
        '<header class="sq-masthead" data-snapshot="{}"><h1>{} <span>{}</span></h1><p>{}{}</p></header>'
    ).format(manifest.id, texts.TITLE, texts.TAGLINE, Markup(" · ").join(facts), working)


def snapshot(status: IndexStatus, manifest: Manifest) -> Markup:
    """Return the snapshot in force with its manifest."""
    holds = (
        texts.count(status.documents, "document"),
        texts.count(status.passages, "passage"),
        texts.count(status.sentences, "sentence"),
    )
    facts = (
        (texts.ID, status.snapshot),
        (texts.BUILT, texts.when(status.built)),
        (texts.SEEDS, status.seeds),
        (texts.HOLDS, ", ".join(holds)),
        (texts.MODEL, texts.reads(status.model, status.languages)),
        (texts.WATCHED, texts.WATCHING if status.watching else texts.NOT_WATCHED),
    )
    rows = Markup("").join(Markup("<dt>{}</dt><dd>{}</dd>").format(*fact) for fact in facts)
    told = replace(manifest, encoder=replace(manifest.encoder, model=status.model))  # may be a folder of the server's
    shown = msgspec.json.format(msgspec.json.encode(told), indent=2).decode()
    trouble = Markup('<p class="sq-problem" role="alert">{}</p>').format(status.trouble) if status.trouble else ""
    return Markup(
        '<section class="sq-panel"><h2>{}</h2>{}<dl>{}</dl><details><summary>{}</summary>'
        '<pre tabindex="0">{}</pre></details></section>'
    ).format(texts.SNAPSHOT, trouble, rows, texts.MANIFEST, shown)


def documents(found: Sequence[DocumentStatus], wanted: str) -> Markup:
    """Return the documents of which a path, the title or the status contains ``wanted``, as a table."""
    needle = wanted.casefold().strip()
    fitting = [d for d in found if needle in "\n".join((d.source, d.title, d.status, *d.copies)).casefold()]
    if not fitting:
        return Markup('<p class="sq-empty">{}</p>').format(texts.NO_DOCUMENT)
    shown = texts.first_shown(texts.count(len(fitting), "file"), SHOWN, len(fitting))
    rows = (
        (
            _named(d),
            Markup('<span class="sq-state sq-{}"><span aria-hidden="true">{}</span> {}</span>').format(
                d.status, texts.STATUS_SIGNS[d.status], d.status
            ),
            f"{d.bytes:,}",
            f"{d.passages:,}",
            texts.when(d.modified).removesuffix(" UTC") if d.modified else "",
        )
        for d in fitting[:SHOWN]
    )
    return _table(shown, texts.COLUMNS, rows)


def _named(document: DocumentStatus) -> Markup:
    """Return title and paths of a document."""
    paths = (document.source, texts.also(document.copies)) if document.copies else (document.source,)
    lines = Markup("").join(Markup("<br>") + _path(path) for path in paths)
    return Markup("<strong>{}</strong>{}").format(document.title or "–", lines)


def coverage(manifest: Manifest) -> Markup:
    """Return what is not in the index, with the reasons: what could not be read apart from copies and notes."""
    unread = [s for s in manifest.skipped if not s.copy_of]
    copies = [(_path(s.source), _path(s.copy_of)) for s in manifest.skipped if s.copy_of]
    notes = [Skipped(source=d.path, reason=note) for d in manifest.documents for note in d.notes]
    parts = [Markup("<h2>{}</h2>").format(texts.COVERAGE)]
    total = texts.count(len(manifest.documents) + len(manifest.skipped), "file")
    if unread:
        shown = texts.OF_FILES.format(left_out=len(unread), files=total)
        parts.append(_reasons(shown, _rare_first(unread)))
    else:
        parts.append(Markup("<p>{}</p>").format(texts.COVERAGE_NONE))
    if copies:
        shown = texts.first_shown(texts.copies(len(copies)), SHOWN, len(copies))
        parts.append(_table(shown, texts.COPY_COLUMNS, copies[:SHOWN]))
    if notes:
        parts.append(_reasons(texts.COVERAGE_NOTES, notes, texts.NOTE_COLUMNS))
    return Markup('<section class="sq-panel">{}</section>').format(Markup("").join(parts))


def _rare_first(skipped: Sequence[Skipped]) -> list[Skipped]:
    """Return files by their reason, the rarest first: one letter that is encrypted is not lost among photographs."""
    often = Counter(s.reason for s in skipped)
    first = {s.reason: at for at, s in reversed(list(enumerate(skipped)))}
    return sorted(skipped, key=lambda s: (often[s.reason], first[s.reason]))


def _reasons(name: str, listed: Sequence[Skipped], head: Sequence[str] = texts.REASON_COLUMNS) -> Markup:
    rows = ((_path(s.source), s.reason) for s in listed[:SHOWN])
    return _table(texts.first_shown(name, SHOWN, len(listed)), head, rows)


def _path(path: str) -> Markup:
    return Markup('<span class="sq-path">{}</span>').format(path)


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str | Markup]]) -> Markup:
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row))
        for row in rows
    )
    columns = Markup("").join(Markup('<th scope="col">{}</th>').format(name) for name in head)
    return Markup(
        '<div class="sq-scroll" tabindex="0" role="region" aria-label="{0}"><table><caption>{0}</caption>'
        "<thead><tr>{1}</tr></thead><tbody>{2}</tbody></table></div>"
    ).format(caption, columns, body)


def build(state: BuildState) -> Markup:
    """Return how far a rebuild is, or what became of the last one."""
    if not state.running and not state.outcome:
        return Markup('<p class="sq-quietly">{}</p>').format(texts.BUILD_NONE)
    if not state.running:
        sign = "✔" if state.outcome == "done" else "✘"
        return Markup('<p class="sq-outcome" role="status"><span aria-hidden="true">{} </span>{}</p>').format(
            sign, texts.outcome(state)
        )
    share = Markup(' max="{}" value="{}"').format(state.total, state.done) if state.total else ""
    return Markup(
        '<div class="sq-progress"><p role="status">{}</p><label for="sq-progress">{}</label>'
        '<progress id="sq-progress"{}></progress></div>'
    ).format(texts.started(state), texts.progress(state), share)


def said(message: str) -> Markup:
    """Return what is said about a change that was asked for, if there is anything to say."""
    if not message:
        return Markup("")
    return Markup('<p class="sq-note" role="status">{}</p>').format(message)


def added(files: AddedFiles) -> Markup:
    """Return what became of files that were sent."""
    refused = _reasons(texts.REFUSED, files.refused) if files.refused else ""
    return said(texts.added(files)) + refused


def history(status: IndexStatus, changes: Difference | None, *, changeable: bool) -> Markup:
    """Return the difference to the snapshot before, and the earlier snapshots with the way back to them."""
    parts = []
    if changes is not None:
        parts.append(Markup("<h2>{} <code>{}</code></h2>{}").format(texts.DIFFERENCE, changes.old, _changes(changes)))
    if status.earlier:
        buttons = Markup("").join(
            Markup("<li><code>{}</code> {}{}</li>").format(
                old.id,
                texts.earlier(old),
                Markup(
                    ' <button type="button" class="sq-button" data-action="restore" data-id="{0}" '
                    'aria-label="{1}: {0}">{1}</button>'
                ).format(old.id, texts.RESTORE)
                if changeable
                else "",
            )
            for old in status.earlier
        )
        parts.append(Markup("<h2>{}</h2><ul>{}</ul>").format(texts.EARLIER, buttons))
    return Markup('<section class="sq-panel">{}</section>').format(Markup("").join(parts)) if parts else Markup("")


def _changes(changes: Difference) -> Markup:
    lines = [
        (sign, word, path)
        for sign, word, paths in (
            ("+", texts.ADDED, changes.added),
            ("~", texts.CHANGED, changes.changed),
            ("−", texts.REMOVED, changes.removed),
            ("!", texts.SETTING, changes.settings),
        )
        for path in paths
    ]
    if not lines:
        return Markup("<p>{}</p>").format(texts.NO_DIFFERENCE)
    items = Markup("").join(
        Markup('<li><span aria-hidden="true">{}</span> {}: <span class="sq-path">{}</span></li>').format(*line)
        for line in lines[:SHOWN]
    )
    more = texts.first_shown("", SHOWN, len(lines)).removeprefix(", ")
    return Markup('<ul class="sq-diff">{}</ul>{}').format(items, Markup("<p>{}</p>").format(more) if more else "")
