"""Questions and answers, with the real model: ranking, evidence, filters, confidence, switching snapshots."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import qa
from index import build
from index.analyse import question_terms
from index.encode import Encoder
from index.errors import ModelMismatch, QuestionError, SeedQAError
from index.layout import IndexPaths
from index.snapshot import Snapshot, current_id, open_current
from qa import Answer, Index, open_index
from qa.rank import rank
from qa.ranking import PASSAGE_SPREAD, alpha, fuse, passage_similarity
from tests.conftest import ROOT
from tests.fakes import HashEncoder

KNOWN = [
    ("What is SeedQA?", "handbook/start.md", "answers questions from your own documents"),
    ("Does it work offline?", "handbook/questions.md", "works offline"),
    ("What does exit code 3 mean?", "handbook/citations.html", "3"),
    ("How do I verify a citation?", "handbook/citations.html", "verify"),
    ("How many countries has China established partnerships with?", "civilizations/digest.md", "118"),
    ("Where does Liu Xianzhong work?", "civilizations/facts.txt", "Institute of Russian"),
    ("Which file formats can it read?", "handbook/questions.md", "HTML"),
    ("How do I delete old snapshots?", "handbook/index.md", "prune"),
]

FAR = ["What is the capital of France?", "How do I bake sourdough bread?", "Who won the 2022 World Cup?"]


@pytest.mark.parametrize(("question", "path", "words"), KNOWN)
def test_known_questions(shipped: Index, question: str, path: str, words: str) -> None:
    answer = shipped.search(question)
    best = answer.results[0].citation
    assert answer.found
    assert best.source == path
    assert words in best.evidence


@pytest.mark.parametrize("question", FAR)
def test_what_the_documents_do_not_hold_is_not_found(shipped: Index, question: str) -> None:
    answer = shipped.search(question)
    assert not answer.found
    assert answer.confidence < 0.1
    assert len(answer.results) == 5


def test_citations_are_exact_and_verified(shipped: Index, shipped_index: Path) -> None:
    """Every quote of every known question is what the stored text and the file say, and its link holds."""
    with open_current(IndexPaths(shipped_index)) as snapshot:
        texts = {d.path: snapshot.store.document_text(d.row) for d in snapshot.store.documents}
    for question, _, _ in KNOWN:
        for result in shipped.search(question).results:
            citation = result.citation
            assert texts[citation.source][citation.start : citation.end] == citation.quote
            assert texts[citation.source][citation.evidence_start : citation.evidence_end] == citation.evidence
            assert shipped.verify(citation).status == "verified"
            if not citation.source.endswith(".html"):
                lines = (ROOT / "seeds" / citation.source).read_text("utf-8").splitlines()
                assert citation.quote == "\n".join(
                    lines[citation.location.first - 1 : citation.location.last]
                ).strip() or (citation.quote in "\n".join(lines[citation.location.first - 1 : citation.location.last]))


def test_an_answer_survives_json(shipped: Index) -> None:
    answer = shipped.search("How do I add my own documents?")
    assert Answer.from_json(answer.to_json()) == answer
    assert Answer.from_json(answer.to_json(indent=2)) == answer


def test_the_same_question_gets_the_same_answer_in_every_thread(shipped: Index) -> None:
    questions = [question for question, _, _ in KNOWN] + FAR
    alone = [shipped.search(question) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(shipped.search, questions * 5)) == alone * 5


def exact(snapshot: Snapshot, encoder: Encoder, question: str) -> list[str]:
    """Rank all passages by the formula, without choosing candidates first."""
    vector = encoder.encode_question(question)
    everything = snapshot.vectors.take(np.arange(len(snapshot.vectors))) @ vector
    whole = snapshot.passage_vectors.take(np.arange(len(snapshot.passage_vectors))) @ vector
    words = question_terms(question, snapshot.manifest.languages)
    bm25 = snapshot.lexical.scores(term for variants in words for term in variants)
    scores = fuse(
        passage_similarity(everything, snapshot.store.first_sentences, whole).tolist(),
        bm25.tolist(),
        alpha(snapshot.manifest.encoder.cosine_std, PASSAGE_SPREAD),
    )
    ids = snapshot.store.passage_ids(list(range(len(scores))))
    return [ids[row] for row in sorted(range(len(scores)), key=lambda row: (-scores[row], ids[row]))]


def test_candidates_lose_nothing_against_ranking_every_passage(
    tmp_path: Path, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    words = "oak elm ash yew fir bay box fig".split()
    for n in range(300):
        body = " ".join(words[(n * 7 + i * i) % 8] for i in range(3 + n % 9))
        (folder / f"{n:03}.txt").write_text(f"The {body} number {n % 40}. It stands there.", "utf-8")
    build(folder, tmp_path / "index", encoder)
    monkeypatch.setattr("qa.rank.DEPTH", 60)
    with open_current(IndexPaths(tmp_path / "index")) as snapshot:
        for question in ("oak number 7", "where is the fig", "yew ash elm"):
            terms = question_terms(question, snapshot.manifest.languages)
            found = rank(snapshot, encoder.encode_question(question), terms, 10)
            assert snapshot.store.passage_ids([c.row for c in found]) == exact(snapshot, encoder, question)[:10]


def test_equal_passages_are_ordered_by_id(tmp_path: Path, encoder: HashEncoder) -> None:
    folder = tmp_path / "twins"
    folder.mkdir()
    for n in range(9):
        (folder / f"{n}.txt").write_text("An oak stands here.", "utf-8")
    build(folder, tmp_path / "index", encoder)
    with open_current(IndexPaths(tmp_path / "index")) as snapshot:
        terms = question_terms("oak", snapshot.manifest.languages)
        found = rank(snapshot, encoder.encode_question("oak"), terms, 9)
        # the title is the file's name, one word each, so that all nine score alike
        ids = snapshot.store.passage_ids([c.row for c in found])
        assert len({c.score for c in found}) == 1
        assert ids == sorted(ids)


def test_a_filter_limits_the_documents(shipped: Index) -> None:
    answer = shipped.search("What is SeedQA?", k=50, documents="civilizations/*")
    assert {result.citation.source.split("/")[0] for result in answer.results} == {"civilizations"}
    both = shipped.search("What is SeedQA?", k=3, documents=["handbook/start.md", "*.html"])
    assert {result.citation.source for result in both.results} <= {"handbook/start.md", "handbook/citations.html"}
    with pytest.raises(QuestionError) as caught:
        shipped.search("What is SeedQA?", documents="*.pdf")
    assert str(caught.value) == "no document matches *.pdf; qa status --documents lists them"


@pytest.mark.parametrize("k", [0, -1, True, 2.5, "3"])
def test_a_k_that_makes_no_sense(shipped: Index, k: int) -> None:
    with pytest.raises(QuestionError) as caught:
        shipped.search("What is SeedQA?", k=k)
    assert str(caught.value) == f"k is {k!r}, expected a whole number of 1 or more"


def test_a_k_above_the_corpus_gives_all_and_says_so(shipped: Index) -> None:
    everything = shipped.manifest.counts.passages
    answer = shipped.search("What is SeedQA?", k=10**9)
    assert len(answer.results) == everything
    assert answer.notes == (f"asked for 1000000000 passages, there are only {everything}",)
    assert [r.rank for r in answer.results] == list(range(1, everything + 1))


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("", "the question is empty; ask in a few words"),
        (" \n\t ", "the question is empty; ask in a few words"),
        ("🙂🎉", "the question '🙂🎉' has no words; ask in a few words"),
        ("???", "the question '???' has no words; ask in a few words"),
        ("a " * 50_000, "the question has 99,999 characters, expected at most 4,000; ask in fewer words"),
    ],
)
def test_questions_that_cannot_be_asked(shipped: Index, question: str, message: str) -> None:
    with pytest.raises(QuestionError) as caught:
        shipped.search(question)
    assert str(caught.value) == message


@pytest.mark.parametrize("question", ["a", "7", "水", "x\0y", "\ud800 seed", "the", "SeedQA " * 500])
def test_odd_questions_are_answered(shipped: Index, question: str) -> None:
    answer = shipped.search(question)
    assert Answer.from_json(answer.to_json()) == answer
    assert len(answer.results) == 5


def test_a_question_longer_than_the_model_reads_says_so(shipped: Index) -> None:
    assert shipped.search("seed " * 400).notes == (
        "the question has 400 tokens; meaning is taken from the first 254, words from all",
    )


def test_a_new_snapshot_is_taken_between_two_questions(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    with open_index(built, encoder=encoder) as opened:
        first = opened.search("Where do frogs live?")
        (seeds / "garden.md").write_text("# Garden\n\nFrogs live in the cellar now.\n", "utf-8")
        report = build(seeds, built, encoder)
        second = opened.search("Where do frogs live?")
        assert (second.snapshot, first.snapshot) == (report.snapshot, report.previous)
        assert second.results[0].citation.evidence == "Frogs live in the cellar now."
        assert opened.verify(first.results[0].citation).status == "source changed"
        assert opened.verify(second.results[0].citation).status == "verified"


def test_a_new_snapshot_that_cannot_be_opened_is_reported_and_the_old_one_answers(
    built: Path, seeds: Path, encoder: HashEncoder
) -> None:
    with open_index(built, encoder=encoder) as opened:
        first = opened.search("Where do frogs live?")
        (seeds / "garden.md").write_text("# Garden\n\nFrogs live in the cellar now.\n", "utf-8")
        paths = IndexPaths(built)
        build(seeds, built, encoder)
        paths.snapshot(current_id(paths)).vectors.write_bytes(b"")
        second = opened.search("Where do frogs live?")
        assert second.results == first.results
        assert second.notes[0].startswith("a newer snapshot can't be opened, so this is from the one before: ")


def test_links_outlive_rebuilds_and_the_index(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    with open_index(built, encoder=encoder) as opened:
        link = opened.search("Where do frogs live?").results[0].citation.link
    shutil.rmtree(built)
    (seeds / "more.txt").write_text("More text.", "utf-8")
    build(seeds, built, encoder)
    with open_index(built, encoder=encoder) as opened:
        assert opened.verify(link).status == "verified"


def test_another_model_is_refused(built: Path) -> None:
    with pytest.raises(ModelMismatch) as caught:
        open_index(built, encoder=HashEncoder(fingerprint="other"))
    assert str(caught.value) == (
        f"the index in {built} was built with model fake (fake-1…), found fake (other…); rebuild it: qa build"
    )
    with pytest.raises(ModelMismatch) as caught:
        open_index(built, model="bert", encoder=HashEncoder())
    assert str(caught.value) == (
        f"the index in {built} was built with model fake, asked for bert; rebuild it: qa build --model bert"
    )


def test_a_closed_index_says_so(built: Path, encoder: HashEncoder) -> None:
    opened = open_index(built, encoder=encoder)
    opened.close()
    opened.close()
    with pytest.raises(SeedQAError, match=r"^this index is closed; open it again with open_index$"):
        opened.search("Where do frogs live?")


def test_one_call(shipped: Index, shipped_index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDQA_CACHE", str(cache))
    assert qa.search("What is SeedQA?", k=2, index=shipped_index) == shipped.search("What is SeedQA?", k=2)


def test_every_answer_is_from_one_snapshot_while_builds_go_on(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    with open_index(built, encoder=encoder) as opened, ThreadPoolExecutor(4) as pool:
        expected = {opened.search("Where is version?").snapshot: "Frogs live in the pond. They sing at night."}

        def ask(_: int) -> tuple[str, str]:
            answer = opened.search("Where do frogs or version live?", k=1, documents="garden.md")
            return answer.snapshot, answer.results[0].citation.quote

        for number in range(12):
            running = pool.map(ask, range(40))
            text = f"Version {number} of frogs live in the pond."
            (seeds / "garden.md").write_text(text, "utf-8")
            expected[build(seeds, built, encoder).snapshot] = text
            for snapshot, quote in running:
                assert expected[snapshot] in quote or quote.endswith(expected[snapshot])
        assert ask(0)[1] == "Version 11 of frogs live in the pond."
