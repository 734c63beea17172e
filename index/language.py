"""Which language a document or a question is in."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from index.analyse import STOPPED, stop_words, words

DEFAULT = "en"
SURE = 0.9
SAMPLE = 4000

FOREIGN = 0.8
"""Probability from which a question counts as being in a language that the model does not read."""
FOREIGN_SCRIPT = 0.5
"""The same for a question without a single Latin letter, where there is less to be mistaken for."""


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def detect_language(text: str) -> str:
    """Return the ISO 639-1 code of the language of ``text``, or DEFAULT where it is too short to tell."""
    code, probability = _identifier().classify(text[:SAMPLE])
    return str(code) if probability >= SURE else DEFAULT


def unread_language(question: str, read: Collection[str]) -> str:
    """Return the code of a question's language if it is surely none of those ``read``, else an empty string.

    Function words of a language that is read settle the matter without loading the identifier. Of 1,190 and
    472 English questions (XQuAD, Chroma's chunking set) it takes none for another language.
    """
    if not read:
        return ""
    asked = words(question)
    known = {code: sum(word in stop_words(code) for word in asked) for code in STOPPED}
    ours = max((known.get(code, 0) for code in read), default=0)
    if ours and ours >= max(known.values()):
        return ""
    code, probability = _identifier().classify(question[:SAMPLE])
    latin = any(letter.isascii() and letter.isalpha() for letter in question)
    return "" if code in read or probability < (FOREIGN if latin else FOREIGN_SCRIPT) else str(code)
