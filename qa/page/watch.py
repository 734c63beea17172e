"""What is written down and counted of questions, requests and rebuilds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from qa.page.events import end_log, keep_log, note
from qa.page.front import Answered
from qa.page.metrics import CONTENT_TYPE, Load, Metrics, Sources
from qa.page.questions import Asked
from qa.page.service import Service
from qa.rebuild import BuildState

_LOOKS, _LOOK = ("/health", "/ready", "/metrics"), "_look"
"""Asked every few seconds, by programs and by open pages: these would fill a log."""


class Watch:
    """Is told of all that happens, and passes it on to the log and to the metrics."""

    def __init__(self, *, questions: bool) -> None:
        """``questions`` says that what was asked is to stand in the log."""
        self._questions = questions
        self._metrics: Metrics | None = None

    def count(self, service: Service, load: Load) -> tuple[Callable[[], bytes], str]:
        """Count from now on; return what reads the counts, and its type."""
        index, build = service.index, service.rebuild_status
        sources = Sources(manifest=lambda: index.manifest, built=lambda: index.built, build=build, load=load)
        self._metrics = Metrics(sources)
        return self._metrics.text, CONTENT_TYPE

    def question(self, asked: Asked) -> None:
        """Note a question, in the thread that answers it."""
        if self._metrics is not None:
            self._metrics.count_question(asked)
        said = {"question": asked.question} if self._questions else {}
        note(
            "question",
            outcome=asked.outcome,
            seconds=round(asked.seconds, 4),
            confidence=None if asked.confidence is None else round(asked.confidence, 3),
            passages=asked.passages,
            snapshot=asked.snapshot,
            **said,
        )

    def request(self, answered: Answered) -> None:
        """Note a request."""
        if self._metrics is not None:
            self._metrics.count(answered)
        if answered.status < 400 and (answered.path.endswith(_LOOKS) or answered.name == _LOOK):
            return
        note(
            "request",
            method=answered.method,
            path=answered.path,
            call=answered.name or None,
            status=answered.status,
            seconds=round(answered.seconds, 4),
            bytes=answered.bytes,
            complete=answered.complete,
        )

    @staticmethod
    def build(state: BuildState) -> None:
        """Note that a rebuild has begun or ended."""
        if state.running:
            note("rebuild started", number=state.number)
        else:
            note(
                "rebuild ended",
                number=state.number,
                outcome=state.outcome,
                seconds=state.seconds,
                message=state.message,
                snapshot=state.report.snapshot if state.report else None,
            )


@contextmanager
def logged(target: str | None) -> Iterator[None]:
    """Keep a log, if there is a place for it. Raises SettingsError where that can't be written."""
    handler = None if target is None else keep_log(target)
    try:
        yield
    finally:
        if handler is not None:
            end_log(handler)
