"""What the server counts, in the format that Prometheus reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from index.errors import SeedQAError
from index.manifest import Manifest
from qa.page.front import Answered
from qa.page.questions import Asked
from qa.rebuild import BuildState

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_GROUPS = ("run", "call", "queue", "mcp", "upload", "heartbeat", "assets", "static", "svelte")
"""First parts of paths that are counted apart; all else is ``other``, so that nobody can make new ones."""


class Load(Protocol):
    """How much is going on: see qa.page.admission."""

    under_way: int
    refused: int

    @property
    def queued(self) -> int:
        """Calls that wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What is looked at whenever somebody reads the metrics; the first two may raise SeedQAError or OSError."""

    manifest: Callable[[], Manifest]
    """Of the snapshot in force."""
    built: Callable[[], float]
    """When that was built, in seconds since 1970."""
    build: Callable[[], BuildState]
    load: Load


class Metrics:
    """Counts questions and requests. Thread-safe."""

    def __init__(self, sources: Sources) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "seedqa_requests", "Requests by part of the server and status.", ("part", "status"), registry=self._registry
        )
        self._request_seconds = Histogram(
            "seedqa_request_seconds", "Seconds to answer a call, streams left out.", ("part",), buckets=_SECONDS,
            registry=self._registry,
        )  # fmt: skip
        self._questions = Counter(
            "seedqa_questions", "Questions by outcome: found, not_found (abstentions), refused, busy or failed.",
            ("outcome",), registry=self._registry,
        )  # fmt: skip
        self._question_seconds = Histogram(
            "seedqa_question_seconds", "Seconds to answer a question, waiting included.", buckets=_SECONDS,
            registry=self._registry,
        )  # fmt: skip
        for outcome in ("found", "not_found", "refused", "busy", "failed"):
            self._questions.labels(outcome)
        self._registry.register(_State(sources))

    def count(self, answered: Answered) -> None:
        """Count a request."""
        part = _part(answered.path)
        self._requests.labels(part, str(answered.status)).inc()
        if part in ("run", "call", "mcp") and answered.method == "POST":
            self._request_seconds.labels(part).observe(answered.seconds)

    def count_question(self, asked: Asked) -> None:
        """Count a question."""
        self._questions.labels(asked.outcome).inc()
        self._question_seconds.observe(asked.seconds)

    def text(self) -> bytes:
        """Return all that was counted, in CONTENT_TYPE."""
        return generate_latest(self._registry)


def _part(path: str) -> str:
    found = next((part for part in path.split("/") if part in _GROUPS), "")
    return found or ("page" if path.endswith("/") else "other")


class _State:
    """What is so at the moment of reading."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterable[Metric]:
        """Yield a family of metrics for each thing."""
        yield from self._snapshot()
        build, load = self._sources.build(), self._sources.load
        yield GaugeMetricFamily("seedqa_build_running", "1 while a rebuild is running.", value=build.running)
        yield CounterMetricFamily("seedqa_builds", "Rebuilds started.", value=build.number)
        yield GaugeMetricFamily("seedqa_build_seconds", "Of the latest rebuild so far.", value=build.seconds)
        if build.outcome:
            yield _labelled("seedqa_build_info", "What became of the latest rebuild.", "outcome", build.outcome)
        yield GaugeMetricFamily("seedqa_calls_under_way", "Calls being worked on.", value=load.under_way)
        yield GaugeMetricFamily("seedqa_calls_waiting", "Calls that wait, queues included.", value=load.queued)
        yield CounterMetricFamily("seedqa_calls_refused", "Calls told that the server is busy.", value=load.refused)

    def _snapshot(self) -> Iterable[Metric]:
        """Yield what the snapshot in force holds; nothing where it can't be used, which /ready tells."""
        try:
            manifest, built = self._sources.manifest(), self._sources.built()
        except (SeedQAError, OSError):
            return
        yield _labelled("seedqa_snapshot_info", "The snapshot in force, by its id.", "snapshot", manifest.id)
        yield GaugeMetricFamily("seedqa_snapshot_built_timestamp_seconds", "When it was built.", value=built)
        counts = manifest.counts
        for name, value in (
            ("documents", counts.documents),
            ("passages", counts.passages),
            ("sentences", counts.sentences),
        ):
            yield GaugeMetricFamily(f"seedqa_snapshot_{name}", f"Number of {name} in it.", value=value)


def _labelled(name: str, explained: str, label: str, value: str) -> GaugeMetricFamily:
    """Return a metric whose label says all."""
    family = GaugeMetricFamily(name, explained, labels=[label])
    family.add_metric([value], 1)
    return family
