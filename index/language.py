"""Which language a document is in."""

from __future__ import annotations

from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

DEFAULT = "en"
SURE = 0.9
SAMPLE = 4000


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def detect_language(text: str) -> str:
    """Return the ISO 639-1 code of the language of ``text``, or DEFAULT where it is too short to tell."""
    code, probability = _identifier().classify(text[:SAMPLE])
    return str(code) if probability >= SURE else DEFAULT
