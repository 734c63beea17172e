"""Each question asked with its answer in the index, and again with it held out: what calibration is fitted on.

Nothing is built for that: passages are left out by the mask of ``qa.rank.rank``. Their words still count in the
rarity of words, which moves a strength in the third decimal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from index.analyse import question_terms
from index.encode import Encoder
from index.errors import QuestionError
from index.opened import ranges_of
from index.records import Progress, no_progress
from index.snapshot import Snapshot
from index.vectors import Mask
from qa.assess import assess
from qa.calibrate.questions import Drawn, drawn_questions
from qa.confidence import Signals
from qa.evaluate.dataset import Dataset, Query
from qa.question import check_question
from qa.rank import rank

SAME = 0.95
"""Cosine from which a sentence says the same as another: its passage is held out as well."""
_LOOKED_AT = 50
"""Nearest sentences among which such ones are sought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What became of one question: what the confidence in the best passage rests on."""

    question: str
    group: str
    """What is fitted or judged as a whole: questions on one document."""
    answered: Signals | None
    """With the answer in the index; nothing for a question that has none."""
    near: Signals | None
    """With the answer held out and all else that is on its topic there; nothing where nothing is left."""
    far: Signals | None
    """With the topic held out; nothing where topics can't be told apart."""


class Asker:
    """Asks questions of a snapshot with some passages held out."""

    def __init__(self, snapshot: Snapshot, encoder: Encoder) -> None:
        self._snapshot, self._encoder = snapshot, encoder

    def signals(self, question: str, masks: Iterable[Mask | None] = (None,)) -> list[Signals | None]:
        """Return the signals of the best passage under each mask; a mask has one flag a passage, True: allowed.

        Nothing where the mask allows no passage, or the question can't be asked, such as one without words.
        """
        try:
            question = check_question(question)
        except QuestionError:
            return [None for _ in masks]
        asked = question_terms(question, self._snapshot.manifest.languages)
        vector = self._encoder.encode_question(question)
        found: list[Signals | None] = []
        for mask in masks:
            allowed = None if mask is None else ranges_of(mask)
            best = rank(self._snapshot, vector, asked, 1, allowed) if mask is None or mask.any() else []
            found.append(assess(self._snapshot, asked, best)[0].signals if best else None)
        return found


def drawn_trials(snapshot: Snapshot, encoder: Encoder, count: int, progress: Progress = no_progress) -> list[Trial]:
    """Return trials of questions drawn from the index itself, at most ``count``.

    Near holds out the passage and those with a sentence that says the same; far, the whole document as well.
    """
    asker = Asker(snapshot, encoder)
    documents = snapshot.store.passage_documents
    trials = []
    drawn = drawn_questions(snapshot, encoder, count, progress)
    for done, question in enumerate(drawn, 1):
        near = _without_same(snapshot, question)
        far = near & (documents != documents[question.passage])
        found = asker.signals(question.text, (None, near, far))
        path = snapshot.store.document(int(documents[question.passage])).path
        trials.append(Trial(question=question.text, group=path, answered=found[0], near=found[1], far=found[2]))
        progress("ask", done, len(drawn))
    return trials


def _without_same(snapshot: Snapshot, question: Drawn) -> Mask:
    """Return which passages do not hold the question's sentence, or one that says the same."""
    vector = snapshot.vectors.take(np.array([question.sentence]))[0]
    nearest = snapshot.vectors.nearest(vector, _LOOKED_AT)
    same = nearest[snapshot.vectors.cosines(vector, nearest) >= SAME]
    allowed: Mask = np.ones(len(snapshot.store.first_sentences), dtype=np.bool_)
    allowed[np.searchsorted(snapshot.store.first_sentences, same, side="right") - 1] = False
    allowed[question.passage] = False
    return allowed


def labelled_trials(
    dataset: Dataset, snapshot: Snapshot, encoder: Encoder, progress: Progress = no_progress
) -> list[Trial]:
    """Return trials of the queries of a set whose documents are in the index, each under the path of its id.

    Near holds out the relevant documents; far, all documents of their groups, or those of the same title where the
    set has no groups.
    """
    asker = Asker(snapshot, encoder)
    trials: list[Trial] = []
    rows = {path: document.row for document in snapshot.store.documents for path in (document.path, *document.copies)}
    topics = _topics(dataset)
    of_topic: dict[str, list[int]] = {}
    for ident, topic in topics.items():
        if ident in rows:
            of_topic.setdefault(topic, []).append(rows[ident])
    for done, query in enumerate(dataset.queries, 1):
        trials.extend(_labelled(query, asker, snapshot, rows, topics, of_topic))
        progress("ask", done, len(dataset.queries))
    return trials


def _labelled(
    query: Query,
    asker: Asker,
    snapshot: Snapshot,
    rows: dict[str, int],
    topics: dict[str, str],
    of_topic: dict[str, list[int]],
) -> Iterator[Trial]:
    documents = snapshot.store.passage_documents
    relevant = [rows[ident] for ident in query.relevant if ident in rows]
    if not query.relevant:
        near = asker.signals(query.text)[0]
        yield Trial(question=query.text, group=query.id, answered=None, near=near, far=None)
    elif relevant:
        near_mask = ~np.isin(documents, relevant)
        same = [topics[ident] for ident in query.relevant if ident in topics]
        far_mask = ~np.isin(documents, [row for topic in same for row in of_topic.get(topic, ())])
        masks = (None, near_mask, far_mask) if same else (None, near_mask)
        found = (*asker.signals(query.text, masks), None)
        group = same[0] if same else min(query.relevant)
        yield Trial(question=query.text, group=group, answered=found[0], near=found[1], far=found[2])


def _topics(dataset: Dataset) -> dict[str, str]:
    """Return the topic of each document by id; none where every document would be one of its own, or all one."""
    found = {document.id: document.group or document.title for document in dataset.documents}
    told = set(found.values())
    return found if 1 < len(told) < len(found) and "" not in told else {}
