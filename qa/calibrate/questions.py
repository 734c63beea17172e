"""Questions drawn from an index's own passages by rules, so that it can be calibrated without a labelled set.

A question is a statement of a passage from which the answer is taken out (a number, a name or the rarest word). Of its
other words that carry meaning half stay, a third give way to the word nearest in meaning that the documents use
elsewhere, and the rest are dropped: people do not repeat a sentence. A hash decides which, so that the same
snapshot gives the same questions. The shares were set so that the questions cover as many of their words in the
answer as those of real FAQs do (docs/confidence.md).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from index.analyse import terms
from index.encode import Encoder
from index.records import Progress, no_progress
from index.snapshot import Snapshot
from index.store import Store, StoredPassage

KEPT, EXCHANGED = 0.5, 0.35
"""Shares of the words beside the answer that stay, and that give way to another."""
LEAST, MOST = 6, 45
"""Words of a statement that is asked about; shorter ones say too little, longer ones are mostly lists."""
CARRYING = 4
"""Words that carry meaning which a statement has at least, the answer included."""
NEAREST = 4.5
"""Closeness, in standard deviations above unrelated texts, that a word has to one that takes its place."""
_LOOKED_AT = 12
"""Nearest words among which one of another stem is sought."""
_BATCH = 512

_WORD = re.compile(r"\w+(?:[-'’.]\w+)*")
_QUESTION_MARKS = ("?", "？", "؟")

Idf = Callable[[str], float]
"""Returns the inverse document frequency of a term."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A question made of a sentence."""

    text: str
    passage: int
    """Row of the passage."""
    sentence: int
    """Row of the sentence."""


def drawn_questions(snapshot: Snapshot, encoder: Encoder, count: int, progress: Progress = no_progress) -> list[Drawn]:
    """Return at most ``count`` questions, one a passage, from passages spread evenly over the index."""
    store, idf = snapshot.store, snapshot.lexical.idf
    passages = store.passages(_spread(len(store.first_sentences), 2 * count))
    others = other_words(_vocabulary(store, passages), encoder, progress)
    found = [drawn for stored in passages if (drawn := _drawn(store, stored, idf, others))]
    return [found[at] for at in _spread(len(found), count)]


def _spread(total: int, count: int) -> list[int]:
    """Return at most ``count`` of the numbers below ``total``, spread evenly."""
    return list(range(total)) if total <= count else [at * total // count for at in range(count)]


def _vocabulary(store: Store, passages: Sequence[StoredPassage]) -> dict[str, str]:
    """Return the words of the passages that carry meaning, in small letters, each with its term, in order."""
    found: dict[str, str] = {}
    for stored in passages:
        language = store.document(stored.document).language
        for match in _WORD.finditer(stored.text):
            word = match.group().lower()
            if word.isalpha() and len(word) > 2 and word not in found and (spoken := terms(word, language)):
                found[word] = spoken[0]
    return dict(sorted(found.items()))


def other_words(vocabulary: Mapping[str, str], encoder: Encoder, progress: Progress = no_progress) -> dict[str, str]:
    """Return for words the one nearest in meaning that is not a form of them, where one is near enough.

    ``vocabulary`` has the term of each word. Words that begin alike count as forms of one.
    """
    words, stems = list(vocabulary), list(vocabulary.values())
    if len(words) < 2:
        return {}
    vectors = encoder.encode(words, progress)
    least = encoder.info.cosine_mean + NEAREST * encoder.info.cosine_std
    looked_at = min(_LOOKED_AT, len(words) - 1)
    found: dict[str, str] = {}
    for first in range(0, len(words), _BATCH):
        cosines = vectors[first : first + _BATCH] @ vectors.T
        nearest = np.argsort(-cosines, axis=1, kind="stable")[:, : looked_at + 1]
        for row, places in enumerate(nearest.tolist()):
            at = first + row
            for other in places:
                if cosines[row, other] < least:
                    break
                if stems[other] != stems[at] and not _alike(words[at], words[other]):
                    found[words[at]] = words[other]
                    break
    return found


def _alike(one: str, other: str) -> bool:
    return one.startswith(other[:4]) or other.startswith(one[:4])


def _drawn(store: Store, stored: StoredPassage, idf: Idf, others: Mapping[str, str]) -> Drawn | None:
    """Return the question of a passage: of its first statement that can be asked about, from a hashed place on."""
    language = store.document(stored.document).language
    sentences = stored.passage.sentences
    first = _hash(stored.id) % len(sentences)
    for at in (*range(first, len(sentences)), *range(first)):
        text = stored.sentence_text(sentences[at])
        if sentences[at].heading or text.rstrip().endswith(_QUESTION_MARKS):
            continue
        if question := question_of(text, language, idf, others):
            return Drawn(text=question, passage=stored.row, sentence=stored.first_sentence + at)
    return None


def question_of(statement: str, language: str, idf: Idf, others: Mapping[str, str]) -> str:
    """Return a question that a statement answers, or nothing where it says too little or too much.

    ``others`` has the words that may take another's place. ``What`` stands for the answer, ``How many`` for a number,
    in every language: neither carries meaning of its own.
    """
    words = [match.group() for match in _WORD.finditer(statement)]
    carrying = {at: spoken for at, word in enumerate(words) if (spoken := terms(word, language))}
    if not LEAST <= len(words) <= MOST or len(carrying) < CARRYING:
        return ""
    answer = _answer(words, carrying, idf)
    beside = sorted((at for at in carrying if at not in answer), key=lambda at: _hash(f"{statement}\0{at}"))
    kept = max(1, round(KEPT * len(beside)))
    exchanged = beside[kept : kept + round(EXCHANGED * len(beside))]
    said = {at: words[at] for at in beside[:kept]}
    said |= {at: other for at in exchanged if (other := others.get(words[at].lower()))}
    little = {at: word for at, word in enumerate(words) if at not in carrying and at not in answer}
    body = " ".join(word for _, word in sorted({**little, **said}.items()))
    numeric = any(character.isdigit() for character in words[answer[0]])
    return f"{'How many' if numeric else 'What'} {body}?"


def _answer(words: Sequence[str], carrying: Mapping[int, Sequence[str]], idf: Idf) -> range:
    """Return the places of the answer: a number, else a name within the sentence, else the rarest word."""

    def weight(at: int) -> tuple[bool, bool, float]:
        word = words[at]
        return any(c.isdigit() for c in word), at > 0 and word[0].isupper(), max(map(idf, carrying[at]))

    first = max(carrying, key=weight)
    if first == 0 or not words[first][0].isupper():
        return range(first, first + 1)
    return range(first, first + len(list(_name(words, first))))


def _name(words: Sequence[str], first: int) -> Iterator[str]:
    """Return the words of a name, three at most."""
    return takewhile(lambda word: word[0].isupper(), words[first : first + 3])


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:4], "big")
