"""What can be asked, example questions, and the warning about a language that the model does not read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from index import build
from index.analyse import keyword_spans, question_terms
from index.language import unread_language
from qa import Index, open_index
from qa.examples import example_questions
from qa.question import language_note
from tests.fakes import HashEncoder

FOREIGN = [
    ("Wie lösche ich alte Snapshots?", "de"),
    ("Wo wird der Index gespeichert?", "de"),
    ("Combien de pays ont signé ?", "fr"),
    ("Quanti paesi ci sono nel mondo?", "it"),
    ("Hoe verwijder ik de index?", "nl"),
    ("Gdzie jest indeks?", "pl"),
    ("Kurulum nasıl yapılır?", "tr"),
    ("Как удалить индекс?", "ru"),
    ("索引存储在哪里？", "zh"),
    ("インデックスはどこに保存されますか", "ja"),
    ("색인은 어디에 저장됩니까?", "ko"),
    ("أين يتم تخزين الفهرس؟", "ar"),
]

ENGLISH = [
    "What is SeedQA?", "price?", "TLS config", "Silk Road spirit", "Liu Xianzhong", "qa doctor", "prune", "GPU",
    "Which résumé did Zoë send to São Paulo?", "exit code 3", "What are malum prohibitum considerations?", "Was it so?",
    "Wie?", "make run", "118",
]  # fmt: skip


@pytest.mark.parametrize(("question", "language"), FOREIGN)
def test_a_language_that_is_not_read_is_told(question: str, language: str) -> None:
    assert unread_language(question, ("en",)) == language
    assert unread_language(question, ("en", language)) == ""
    assert unread_language(question, ()) == "", "a model that names no language may read any"


@pytest.mark.parametrize("question", ENGLISH)
def test_english_names_and_single_words_are_left_in_peace(question: str) -> None:
    assert unread_language(question, ("en",)) == ""


def test_the_note_names_both_languages() -> None:
    assert language_note("Wo wird der Index gespeichert?", ("en",)) == (
        "the question seems to be in German, which the model does not read: passages are found by their words alone; "
        "ask in English, or build with a model that reads it"
    )
    assert language_note("Where is the index stored?", ("en",)) == ""


def test_the_packaged_model_says_that_it_reads_english(shipped: Index) -> None:
    assert shipped.manifest.encoder.languages == ("en",)
    assert "seems to be in German" in shipped.search("Wo wird der Index gespeichert?").notes[0]
    assert shipped.search("Where is the index stored?").notes == ()


def test_examples_are_answered_by_the_index_and_come_from_several_documents(shipped: Index) -> None:
    examples = shipped.examples(4)
    answers = [shipped.search(question, k=1) for question in examples]
    assert len(set(examples)) == 4
    assert all(answer.found for answer in answers)
    assert len({answer.results[0].citation.source for answer in answers}) >= 3
    assert shipped.examples(4) == examples
    assert shipped.examples(2) == examples[:2]


def test_example_candidates_are_questions_sections_and_titles(tmp_path: Path, encoder: HashEncoder) -> None:
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    (seeds / "a.md").write_text("# Bees\n\n## Who keeps bees? (basics)\n\nBeekeepers.\n\n## Honey\n\nSweet.\n", "utf-8")
    (seeds / "b.txt").write_text("The wall stands.\n", "utf-8")
    build(seeds, tmp_path / "index", encoder)
    with open_index(tmp_path / "index", encoder=encoder) as opened, opened._in_force() as held:
        assert list(example_questions(held.snapshot.store)) == [
            "Who keeps bees?",
            "What does it say about “Honey”?",
            "What is “Bees” about?",
            "What is “b” about?",
        ]


@pytest.mark.parametrize(
    ("text", "language", "question", "found"),
    [
        ("Partnerships with a partner; PARTNERED.", "en", "partner", ["partner", "PARTNERED"]),
        ("The index is indexed.", "en", "Where are indexes?", ["index", "indexed"]),
        ("Die Häuser am Hafen, ein HAUS.", "de", "Häuser", ["Häuser", "HAUS"]),
        ("naïve café", "en", "cafe naive", ["naïve", "café"]),
        ("东京都的人口", "zh", "东京", ["东京"]),
        ("x東京都y", "ja", "東京都", ["東京都"]),
        ("ﬁne ﬁlter", "en", "filter", ["ﬁlter"]),
        ("", "en", "nothing", []),
    ],
)
def test_where_the_words_of_a_question_stand(text: str, language: str, question: str, found: list[str]) -> None:
    wanted = frozenset(term for variants in question_terms(question, [language]) for term in variants)
    assert [text[first:last] for first, last in keyword_spans(text, language, wanted)] == found


def test_hits_of_an_answer_lie_in_its_passage_and_are_words_of_the_question(shipped: Index) -> None:
    result = shipped.search("How many countries has China established partnerships with?").results[0]
    citation = result.citation
    words = [citation.quote[first - citation.start : last - citation.start] for first, last in result.hits]
    assert set(map(str.casefold, words)) == {"china", "countries", "established", "partnership", "partnerships"}
    assert all(re.fullmatch(r"\w+", word) for word in words)
