"""Words and terms, for documents and for questions."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.analyse import question_terms, terms, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Cat, the cat!", ["the", "cat", "the", "cat"]),
        ("snake_case foo-bar 3.14 A4", ["snake", "case", "foo", "bar", "3", "14", "a4"]),
        ("ﬁne ２０２４ Straße STRASSE", ["fine", "2024", "strasse", "strasse"]),
        ("e\u0301te\u0301", ["été"]),
        ("İstanbul", ["i\u0307stanbul"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("தமிழ்", ["தமிழ்"]),
        ("... — !?", []),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == [unicodedata.normalize("NFKC", word) for word in expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我喜欢苹果", ["我喜", "喜欢", "欢苹", "苹果"]),
        ("東京都に、住む", ["東京", "京都", "都に", "住む"]),
        ("ภาษาไทย", ["ภา", "าษ", "ษา", "าไ", "ไท", "ทย"]),
        ("中", ["中"]),
        ("iPhone15手机x", ["iphone15", "手机", "x"]),
        ("한국어 문장", ["한국어", "문장"]),
    ],
)
def test_scripts_without_spaces_become_pairs(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("The running dogs were quickly found", "en", ["run", "dog", "were", "quick", "found"]),
        ("Die Häuser der Königinnen", "de", ["haus", "koniginn"]),
        ("Les élèves préfèrent", "fr", ["elev", "pref"]),
        ("las montañas", "es", ["montan"]),
        ("русские слова", "ru", ["русск", "слов"]),
        ("Καλημέρα", "el", ["καλημερ"]),
        ("naïve Café", "en", ["naiv", "cafe"]),
        ("Running Häuser", "qq", ["running", "hauser"]),
        ("who is the", "en", []),
        ("who is the", "de", ["who", "is", "the"]),
        ("run run", "en", ["run", "run"]),
    ],
)
def test_terms(text: str, language: str, expected: list[str]) -> None:
    assert terms(text, language) == expected


@pytest.mark.parametrize(
    ("question", "languages", "expected"),
    [
        ("Where are the running horses?", ["en"], (("run",), ("hors",))),
        ("Where are the running horses?", ["de", "en"], (("running", "run"), ("hors",))),
        ("Wer ist die Königin?", ["de", "en"], (("konigin",),)),
        ("houses House house", ["en"], (("hous",),)),
        ("houses House house", [], (("hous",),)),
        ("nationalité", ["fr", "en"], (("nationalite", "national"),)),
        ("東京 tower", ["ja", "en"], (("東京",), ("tower",))),
        ("Who is it?", ["en"], (("who",), ("is",), ("it",))),
        ("was war die", ["de", "en"], (("was",), ("war",), ("die",))),
        ("??", ["en"], ()),
    ],
)
def test_question_terms(question: str, languages: list[str], expected: tuple[tuple[str, ...], ...]) -> None:
    assert question_terms(question, languages) == expected


def test_languages_count_in_any_order_and_once() -> None:
    assert question_terms("running", ["en", "de", "en"]) == question_terms("running", ["de", "en"])


TEXTS = st.one_of(
    st.text(), st.lists(st.sampled_from("The houses l'été naïve 東京都 हिन्दी İ ß ǅ 3.5 don’t".split())).map(" ".join)
)
LANGUAGES = st.sampled_from("en de fr es it pt nl ru el tr ar hi ta zh ja ko th qq".split())


@given(TEXTS, LANGUAGES)
def test_a_question_made_of_a_text_finds_all_its_terms(text: str, language: str) -> None:
    asked = {term for variants in question_terms(text, [language]) for term in variants}
    assert set(terms(text, language)) <= asked


@given(TEXTS, LANGUAGES)
def test_composed_and_decomposed_text_have_the_same_terms(text: str, language: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    decomposed = unicodedata.normalize("NFD", text)
    assert terms(composed, language) == terms(decomposed, language)


@given(TEXTS)
def test_every_letter_and_digit_is_in_a_word(text: str) -> None:
    spaced = text.replace("'", " ").replace("’", " ")
    folded = unicodedata.normalize("NFKC", spaced).casefold()
    assert {letter for letter in folded if letter.isalnum()} <= set("".join(words(spaced)))


@pytest.mark.parametrize(
    ("asked", "text", "language"),
    [
        ("école", "l'école", "fr"),
        ("été", "d’été", "fr"),
        ("homme", "jusqu’à l'homme", "fr"),
        ("aujourd'hui", "aujourd’hui", "fr"),
        ("arte", "dell'arte", "it"),
        ("dog", "the dog's bone", "en"),
        ("Neill", "O'Neill", "en"),
        ("O'Neill", "O’Neill’s", "en"),
        ("istanbul", "İstanbul", "tr"),
        ("naive", "naïve", "en"),
        ("STRASSE", "Straße", "de"),
        ("हिन्दी", "हिन्दी में", "hi"),
        ("น้ำ", "กินน้ำ", "th"),
        ("苹果", "我喜欢苹果", "zh"),
    ],
)
def test_a_question_for_a_word_finds_it(asked: str, text: str, language: str) -> None:
    wanted = {term for variants in question_terms(asked, [language]) for term in variants}
    assert wanted
    assert wanted <= set(terms(text, language))
