"""Text in, terms out: the one analyser of documents and questions.

Unicode NFKC and case folding; words stemmed by Snowball in the document's language; scripts without
spaces as overlapping pairs of characters; accents dropped; words that every question or sentence has are left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from functools import cache

import regex
import Stemmer

ANALYSER = "snowball-1"
"""Changes whenever the same text would give other terms."""

_STEMMERS = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek",
    "en": "english", "eo": "esperanto", "es": "spanish", "et": "estonian", "eu": "basque",
    "fa": "persian", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian",
    "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian",
    "ne": "nepali", "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pl": "polish",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "st": "sesotho",
    "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip

# Function words, and the words that make a sentence a question: a passage that answers has them no
# more often than any other. Measured in docs/ranking.md against longer lists and none.
_STOP = {
    "en": "a an and are as at be but by for if in into is it no not of on or such that the their then there these "
    "they this to was will with what which who whom whose when where why how do does did has have had can could should "
    "would i me my mine we us our ours you your yours",
    "de": "der die das den dem des ein eine einen einem einer eines und oder aber ist sind war waren wird werden zu "
    "in im an am auf mit von vom für bei als auch es er sie wir ich nicht was wer wen wem wessen wann wo warum wie "
    "welche welcher welches hat haben hatte kann",
    "fr": "le la les l un une des de du d et ou mais est sont était à au aux en dans par pour sur avec ce cet cette "
    "ces il elle ils elles on ne pas que qui quoi quel quelle quels quelles quand où pourquoi comment a ont avait",
    "es": "el la los las un una unos unas de del y o pero es son era en por para con a al se su sus no lo le que "
    "qué quién quiénes cuál cuáles cuándo dónde cómo ha han había",
    "it": "il lo la i gli le un uno una di del della dei delle e o ma è sono era in nel nella per con su da a al "
    "si non che chi cosa quale quali quando dove perché come ha hanno aveva",
    "pt": "o a os as um uma de do da dos das e ou mas é são era em no na nos nas por para com se não que quem qual "
    "quais quando onde como ao à tem têm tinha",
    "nl": "de het een en of maar is zijn was in op aan met van voor bij als ook te niet wat wie welke wanneer waar "
    "waarom hoe heeft hebben had kan",
}

_TOKEN = regex.compile(r"[\p{L}\p{N}][\p{L}\p{N}\p{M}]*")
REMEMBERED = 200_000
"""Words of a language whose terms are remembered."""

_ASCII_TOKEN = re.compile(r"[a-z0-9]+")
_UNSPACED = regex.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003134f]+"
)
_TYPOGRAPHIC = dict(zip("‘’“”„«»–—…•·\u00a0\u2009\u202f\u2011", '\'\'"""""--.  ' + "   -", strict=True))
"""Punctuation that typesetters use, and what stands for it in ASCII: one character for one, and no part of a word."""

_MARKS = regex.compile("[\u0300-\u036f]+")
_ASCII_ELIDED = re.compile(r"(?<!\w)[a-z]'(?=[a-z])|(?<=[a-z])'[a-z](?!\w)")
_ELIDED = regex.compile(r"(?<!\w)\p{L}['’](?=\p{L})|(?<=\p{L})['’]\p{L}(?!\w)")
"""A single letter before or after an apostrophe: l’école, dog’s, O’Neill."""


@cache
def _stemmer(language: str) -> Stemmer.Stemmer | None:
    name = _STEMMERS.get(language)
    return Stemmer.Stemmer(name) if name else None


@cache
def stop_words(language: str) -> frozenset[str]:
    """Return the words of a language that are never counted; empty where no list is known."""
    return frozenset(_STOP.get(language, "").split())


STOPPED = tuple(_STOP)
"""The languages whose stop words are known."""


def language_name(code: str) -> str:
    """Return the English name of a language that has a stemmer, otherwise its code in quotes."""
    return _STEMMERS[code].capitalize() if code in _STEMMERS else f"“{code}”"


def words(text: str) -> list[str]:
    """Return the words of ``text``, folded but not stemmed, with pairs for scripts without spaces."""
    if text.isascii():  # the same, quicker
        lower = text.lower()
        return _ASCII_TOKEN.findall(_ASCII_ELIDED.sub(" ", lower) if "'" in lower else lower)
    folded = unicodedata.normalize("NFKC", text).casefold()
    tokens: list[str] = _TOKEN.findall(_ELIDED.sub(" ", folded))
    if not _UNSPACED.search(folded):
        return tokens
    return [token[start:end] for token in tokens for start, end in _pieces(token)]


def _pieces(token: str) -> list[tuple[int, int]]:
    """Return the ranges of a token's words: each pair of characters of a script without spaces, and what is between."""
    found: list[tuple[int, int]] = []
    at = 0
    for run in _UNSPACED.finditer(token):
        start, end = run.span()
        if start > at:
            found.append((at, start))
        found.extend((first, min(first + 2, end)) for first in range(start, max(start + 1, end - 1)))
        at = end
    if at < len(token):
        found.append((at, len(token)))
    return found


def terms(text: str, language: str) -> list[str]:
    """Return the terms of a document's text, in order, repeated as often as they occur."""
    known = _known_terms(language)
    return [term for word in words(text) if (term := known[word])]


class _Terms(dict[str, str]):
    """Remembers the term of each word of a language; a stop word's is empty."""

    def __init__(self, language: str) -> None:
        super().__init__(dict.fromkeys(stop_words(language), ""))
        self._stemmer = _stemmer(language)

    def __missing__(self, word: str) -> str:
        term = _plain(self._stemmer.stemWord(word) if self._stemmer else word)
        if len(self) < REMEMBERED:
            self[word] = term
        return term


@cache
def _known_terms(language: str) -> _Terms:
    return _Terms(language)


def _plain(stem: str) -> str:
    """Return a term without accents, which many who ask leave out."""
    return stem if stem.isascii() else _MARKS.sub("", unicodedata.normalize("NFD", stem))


def occurrences(text: str, language: str, wanted: Collection[str]) -> list[tuple[int, int, str]]:
    """Return where words whose terms are ``wanted`` stand in ``text``: half-open ranges in order, each with its term.

    Pairs of a script without spaces overlap; other ranges do not.
    """
    known = _known_terms(language)
    plain = text
    if not text.isascii():
        for mark in _TYPOGRAPHIC.keys() & set(text):  # few of them: str.translate looks at every character
            plain = plain.replace(mark, _TYPOGRAPHIC[mark])  # as long as the text
    if plain.isascii():  # the same, quicker
        return _ascii_occurrences(plain, known, wanted)
    tokens: list[str] = _TOKEN.findall(plain)
    named = {
        token: _wanted_pieces(token, language, wanted)
        for token in set(tokens)
        if not token.isascii() or known[token.lower()] in wanted
    }
    spans: list[tuple[int, int, str]] = []
    end = 0
    for token in tokens:
        begin = plain.index(token, end)  # a token begins with a letter or digit: none of these stands between two
        end = begin + len(token)
        if (pieces := named.get(token)) and not (len(token) == 1 and _elided(plain, begin, end)):
            spans.extend((begin + first, begin + last, term) for first, last, term in pieces)
    return spans


def _wanted_pieces(token: str, language: str, wanted: Collection[str]) -> list[tuple[int, int, str]]:
    """Return where in a token words stand whose terms are wanted, each with its term."""
    return [
        (start, end, term)
        for start, end in _pieces(token)
        for term in terms(token[start:end], language)
        if term in wanted
    ]


def _ascii_occurrences(text: str, known: _Terms, wanted: Collection[str]) -> list[tuple[int, int, str]]:
    """Choose among the different words first: of these few have a wanted term, and finding those again is quick."""
    lower = text.lower()
    spans: list[tuple[int, int, str]] = []
    for word in set(_ASCII_TOKEN.findall(lower)):
        term = known[word]
        if term not in wanted:
            continue
        start = lower.find(word)
        while start >= 0:
            end = start + len(word)
            alone = not (lower[start - 1 : start].isalnum() or lower[end : end + 1].isalnum())
            if alone and not (len(word) == 1 and _elided(lower, start, end)):
                spans.append((start, end, term))
            start = lower.find(word, end)
    return sorted(spans)


def _elided(text: str, start: int, end: int) -> bool:
    """Tell whether the single letter at ``start`` is what an apostrophe leaves of a word."""
    after_word = text[start - 1 : start] == "'" and text[start - 2 : start - 1].isalpha()
    return text[start].isalpha() and (after_word or (text[end : end + 1] == "'" and text[end + 1 : end + 2].isalpha()))


def keyword_spans(text: str, language: str, wanted: Collection[str]) -> tuple[tuple[int, int], ...]:
    """Return where words whose terms are ``wanted`` stand in ``text``: half-open, in order, without overlap."""
    return joined_spans((start, end) for start, end, _ in occurrences(text, language, wanted))


def joined_spans(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return ranges in the order given, those that overlap the one before it joined to that."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and joined[-1][1] > start:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return tuple(joined)


def question_terms(question: str, languages: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return for each distinct word of a question its possible terms, one for each language of the index.

    A word is left out where it is a stop word in any of these languages, unless nothing would be left.
    """
    spoken: Sequence[str] = sorted(set(languages)) or ["en"]
    every = list(dict.fromkeys(words(question)))
    kept = [word for word in every if not any(word in stop_words(code) for code in spoken)] or every
    variants: dict[tuple[str, ...], None] = {}
    for word in kept:
        stems = (stemmer.stemWord(word) if (stemmer := _stemmer(code)) else word for code in spoken)
        variants[tuple(dict.fromkeys(map(_plain, stems)))] = None
    return tuple(variants)
