"""The page itself: Gradio's components, wired to the service. Beside qa.page.endpoints, what knows Gradio."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from importlib.resources import files
from typing import Any, NamedTuple

import gradio as gr
import msgspec
from fastapi import FastAPI

from index.errors import SeedQAError
from qa.page import cards, listings, texts
from qa.page.asked import MOST, K, Question, ask, ask_again, from_address, source
from qa.page.endpoints import HANDLERS, CheckedBlocks, keep_uploaded, tell_tools_in_json, told
from qa.page.records import AddedFiles
from qa.page.service import Service
from qa.rebuild import BuildState

TICK = 1.5
"""Seconds between two looks of an open page at the index and at a rebuild."""

EXAMPLES = 4
MORE = 5
"""Passages that "show more" adds."""

CHOICES = 1000
"""Paths offered in the document filter; any other can be typed."""

_QUIET: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
"""Handlers of the page's own: no endpoint, no queue, nothing drawn over what is there."""

_FONTS: dict[str, Any] = {
    "font": ["system-ui", "Segoe UI", "Roboto", "Helvetica", "Arial", "sans-serif"],
    "font_mono": ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
}
"""Fonts that a system has: none is fetched."""


def _text(name: str) -> str:
    """Return a file that belongs to the page."""
    return files("qa.page").joinpath(name).read_text("utf-8")


def _html(ident: str, *events: str, value: str = "") -> gr.HTML:
    """Return a piece of the page whose buttons with ``data-action`` raise ``events``."""
    listen = f"seedqa.listen(element, props, trigger, watch, {json.dumps(events)});"
    return gr.HTML(value, elem_id=ident, apply_default_css=False, js_on_load=listen, padding=False)


def _wire(
    triggers: Iterable[Callable[..., Any]], fn: Callable[..., Any] | None, inputs: Any, outputs: Any, **settings: Any
) -> list[Any]:
    """Have each of several events call ``fn``. Gradio's own way to say so does not know the events of our buttons."""
    return [trigger(fn, inputs, outputs, **settings) for trigger in triggers]


class _Page:
    """The components of the page and what happens in them. One object serves every reader."""

    def __init__(self, service: Service, blocks: gr.Blocks) -> None:
        """Lay out the page and wire it."""
        self._service = service
        self.masthead = _html("sq-masthead")
        with gr.Tabs(elem_id="sq-tabs"):
            with gr.Tab(texts.ASK_TAB, id="ask"):
                self._draw_ask()
            with gr.Tab(texts.INDEX_TAB, id="index") as self.index_tab:
                self._draw_index()
        self.asked = gr.JSON(visible=False)
        """What the answer on the page was asked, as the browser tells it: the server keeps nothing of a reader's."""
        self.seen = gr.State(None)
        self._wire_ask()
        self._wire_index(blocks)
        self._wire_changes()

    def _draw_ask(self) -> None:
        with gr.Row(elem_id="sq-ask", equal_height=True):
            self.question = gr.Textbox(
                "", label=texts.QUESTION, placeholder=texts.QUESTION_HINT, lines=1, max_lines=4, autofocus=True,
                scale=8, elem_id="sq-question",
            )  # fmt: skip
            self.ask = gr.Button(texts.ASK, variant="primary", scale=0, min_width=96, elem_id="sq-ask-button")
        with gr.Row(elem_id="sq-options"):
            self.documents = gr.Dropdown(
                [], value=[], multiselect=True, allow_custom_value=True, label=texts.DOCUMENTS, scale=5, min_width=260,
                elem_id="sq-documents",
            )  # fmt: skip
            self.k = gr.Slider(1, MOST, value=K, step=1, label=texts.K, scale=3, min_width=220, elem_id="sq-k")
            self.threshold = gr.Slider(
                0, 1, value=self._service.index.threshold, step=0.01, label=texts.THRESHOLD, scale=3, min_width=220,
                elem_id="sq-threshold",
            )  # fmt: skip
            self.group = gr.Checkbox(label=texts.GROUP, scale=2, min_width=180, elem_id="sq-group")
        self.chips = _html("sq-chips", "pick")
        with gr.Row(elem_id="sq-columns"):
            self.results = _html("sq-results", "open", "more", "again", value=cards.empty())
            self.source = _html("sq-source", "open")

    def _draw_index(self) -> None:
        changeable = not self._service.read_only
        self.snapshot = _html("sq-snapshot")
        with gr.Column(visible=changeable, elem_id="sq-change"):
            gr.HTML(f"<h2>{texts.CHANGE_INDEX}</h2>", apply_default_css=False)
            with gr.Row():
                with gr.Column():
                    self.upload = gr.File(label=texts.ADD_FILES, file_count="multiple", height=130, elem_id="sq-upload")
                    gr.HTML(f'<p class="sq-quietly">{texts.FORMATS}</p>', apply_default_css=False)
                with gr.Column():
                    self.folder = gr.Textbox(
                        "",
                        label=texts.FOLDER,
                        placeholder=texts.FOLDER_HINT,
                        elem_id="sq-folder",
                        visible=self._service.private,
                    )
                    with gr.Row():
                        self.rebuild = gr.Button(texts.REBUILD, variant="primary", elem_id="sq-rebuild")
                        self.cancel = gr.Button(texts.CANCEL, interactive=False, elem_id="sq-cancel")
        if not changeable:
            gr.HTML(f"<p>{texts.READ_ONLY}</p>", apply_default_css=False, elem_id="sq-read-only")
        self.added = gr.JSON(visible=False)
        self.said = _html("sq-said")
        self.build = _html("sq-build")
        self.history = _html("sq-history", "restore")
        gr.HTML(f"<h2>{texts.DOCUMENT_LIST}</h2>", apply_default_css=False, elem_id="sq-list-title")
        self.find = gr.Textbox("", label=texts.FIND_DOCUMENT, placeholder=texts.FIND_DOCUMENT_HINT, elem_id="sq-find")
        self.listing = _html("sq-listing")
        self.coverage = _html("sq-coverage")

    def _wire_ask(self) -> None:
        form = [self.question, self.k, self.documents, self.threshold, self.group]
        shown = [self.results, self.source]
        busy = {"js": "(...values) => seedqa.busy(values)", **_QUIET}
        asking = _wire([self.question.submit, self.ask.click, self.results.again], self._ask, form, shown, **busy)
        asking += _wire([self.chips.pick], self._pick, form, [self.question, *shown], **busy)
        asking += _wire([self.results.more], self._more, form, [self.k, *shown], **busy)
        for asked in asking:
            asked.then(None, js="() => seedqa.idle()", **_QUIET)
        asked_js = {"js": "(asked, group) => [seedqa.asked(), group]", **_QUIET}
        _wire([self.group.input], self._regroup, [self.asked, self.group], self.results, **asked_js)
        _wire([self.results.open, self.source.open], self._open, None, self.source, **_QUIET)
        changes = [self.question.change, self.k.change, self.documents.change, self.threshold.change]
        gr.on(changes, None, form[:4], None, js="(...values) => seedqa.compare(values)", **_QUIET)

    def _wire_index(self, blocks: gr.Blocks) -> None:
        form = [self.question, self.k, self.documents, self.threshold, self.results, self.source]
        self._look_at_index: dict[str, Any] = {
            "fn": self._look,
            "inputs": [self.seen, self.find],
            "outputs": [
                self.seen, self.masthead, self.snapshot, self.build, self.history, self.listing, self.coverage,
                self.cancel, self.documents, self.chips,
            ],
        }  # fmt: skip
        _wire([blocks.load], self._arrive, None, form, **_QUIET)
        _wire([blocks.load, gr.Timer(TICK).tick], **self._look_at_index, **_QUIET)
        _wire([self.index_tab.select], self._find, self.find, self.listing, **_QUIET)
        _wire([self.find.change], self._find, self.find, self.listing, trigger_mode="always_last", **_QUIET)

    def _wire_changes(self) -> None:
        for triggers, fn, given in (
            ([self.rebuild.click, self.folder.submit], self._rebuild, self.folder),
            ([self.cancel.click], self._cancel, None),
            ([self.history.restore], self._restore, None),
        ):
            for changed in _wire(triggers, fn, given, self.said, **_QUIET):
                changed.then(**self._look_at_index, **_QUIET)
        self.upload.upload(
            self._add_files, self.upload, self.added, preprocess=False, **_QUIET
        ).then(self._tell_added, self.added, [self.said, self.upload], **_QUIET).then(
            self._find, self.find, self.listing, **_QUIET
        )  # fmt: skip

    # Asking and reading

    @told()
    def _ask(
        self, question: str, k: float, documents: list[str] | None, threshold: float, group: bool
    ) -> tuple[str, str]:
        """Return the answer's cards, and no source."""
        asked = Question(question=question, k=int(k), documents=tuple(documents or ()), threshold=threshold)
        return ask(self._service, asked, group=group), ""

    def _pick(
        self, _: str, k: float, documents: list[str], threshold: float, group: bool, event: gr.EventData
    ) -> tuple[str, str, str]:
        """Ask an example or a recent question."""
        question = str(event.question)
        return question, *self._ask(question, k, documents, threshold, group)

    def _more(self, question: str, k: float, *options: Any) -> tuple[int, str, str]:
        """Ask for some more passages."""
        more = min(MOST, int(k) + MORE)
        return more, *self._ask(question, more, *options)

    @told()
    def _regroup(self, asked: Any, group: bool) -> str:
        return ask_again(self._service, asked, group=group)

    @told()
    def _open(self, event: gr.EventData) -> str:
        """Return the source of a passage of the answer."""
        return source(self._service, str(event.link), str(event.question), int(event.rank), int(event.ranks))

    @told()
    def _arrive(self, request: gr.Request) -> tuple[Any, ...]:
        """Answer the question and open the passage that the page's address names.

        What it does not name stays as it is: a reader may have been quicker than this.
        """
        query = {name: str(value) for name, value in request.query_params.items()}
        asked = from_address(query, self._service.index.threshold)
        form: tuple[Any, ...] = (gr.skip(),) * 5
        if asked.question:
            shown = ask(self._service, asked, group=False)
            form = asked.question, asked.k, list(asked.documents), asked.threshold, shown
        opened = source(self._service, query["open"], asked.question) if query.get("open") else gr.skip()
        return *form, opened

    # The index

    @told()
    def _look(self, seen: tuple[str, int, bool] | None, wanted: str) -> tuple[Any, ...]:
        """Draw what changed since this page looked last: everything after a new snapshot, else a rebuild's progress."""
        build = self._service.rebuild_status()
        manifest = self._service.index.manifest
        now = manifest.id, build.number, build.running
        head = listings.masthead(manifest, build)
        if now == seen:
            unchanged = (gr.skip(),) * 5
            progress = listings.build(build) if build.running else gr.skip()
            return now, head, gr.skip(), progress, *unchanged, gr.skip()
        status = self._service.index_status()
        changes = self._service.compare_snapshots(status.earlier[0].id, manifest.id) if status.earlier else None
        paths = [document.path for document in manifest.documents[:CHOICES]]
        return (
            now, head, listings.snapshot(status, manifest), listings.build(build),
            listings.history(status, changes, changeable=not self._service.read_only), self._find(wanted),
            listings.coverage(manifest), gr.Button(interactive=build.running),
            gr.Dropdown(choices=[*_folders(paths), *paths]),
            cards.chips(self._service.index.examples(EXAMPLES)),
        )  # fmt: skip

    @told()
    def _find(self, wanted: str) -> str:
        return listings.documents(self._service.list_documents(), wanted)

    def _rebuild(self, folder: str) -> str:
        return self._change(lambda: self._service.rebuild(folder))

    def _cancel(self) -> str:
        return self._change(self._service.cancel_rebuild)

    def _restore(self, event: gr.EventData) -> str:
        return self._change(lambda: texts.restored(self._service.restore_snapshot(str(event.id)).snapshot))

    @staticmethod
    @told()
    def _change(change: Callable[[], str | BuildState]) -> str:
        """Change the index and return what is to be said about it; how far a build is, the page shows anyway."""
        try:
            changed = change()
            return listings.said(changed if isinstance(changed, str) else "")
        except SeedQAError as error:
            return cards.problem(str(error))

    @told()
    def _add_files(self, uploaded: list[dict[str, Any]] | None) -> dict[str, Any]:
        return keep_uploaded(self._service, uploaded or []).to_dict()

    @staticmethod
    def _tell_added(added: dict[str, Any]) -> tuple[str, None]:
        return listings.added(msgspec.convert(added, AddedFiles)), None


class App(NamedTuple):
    """The page as an ASGI application, and what its server is to know of it."""

    asgi: FastAPI
    pending: Callable[[], int]
    """Calls that wait in Gradio's queue."""
    running: Callable[[], int]
    """Calls from that queue that are being answered."""
    scripts: tuple[str, ...]
    """What the page puts into its document when it is open."""


def create_app(service: Service, *, max_upload: int, mcp: bool = False, root_path: str = "") -> App:
    """Return the page with its API, and its MCP server if asked for.

    ``max_upload`` is in bytes. Nothing here checks who is asking: see qa.guard.
    """
    script = _script(service)
    with CheckedBlocks(title=texts.TITLE, analytics_enabled=False, delete_cache=(3600, 3600)) as blocks:
        _Page(service, blocks)
        blocks.add_endpoints(service)
    app: FastAPI = gr.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        blocks,
        path="/",
        footer_links=["api"],
        run_history=False,
        app_kwargs={"exception_handlers": HANDLERS},
        root_path=root_path,
        allowed_paths=[],
        show_error=False,
        max_file_size=max_upload,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=mcp,
        theme=gr.themes.Default(primary_hue="emerald", **_FONTS),
        css=_text("page.css"),
        head=f"<script>{script}</script>",
    )
    if mcp:
        tell_tools_in_json(blocks)
    return App(app, lambda: blocks.pending, lambda: blocks.running, (script,))


def _script(service: Service) -> str:
    """Return what the browser itself does."""
    in_browser = {**texts.IN_BROWSER, "threshold": service.index.threshold}
    return f"const seedqaTexts = {json.dumps(in_browser)};\n{_text('page.js')}"


def _folders(paths: list[str]) -> list[str]:
    """Return a pattern for each folder that holds documents, and each archive or mailbox."""
    return sorted({f"{folder}/*" for path in paths for folder in _above(path)})


def _above(path: str) -> list[str]:
    """Return the folders and archives that a path lies in."""
    return ["/".join(path.split("/")[:depth]) for depth in range(1, path.count("/") + 1)]
