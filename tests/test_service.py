"""What the page, the API and the MCP server can do, called directly; the rest is tested over the wire."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from index import build
from index.encode.protocol import FloatArray
from index.errors import BuildLocked, QuestionError, SeedQAError, SeedsError, SettingsError, SnapshotError
from index.layout import IndexPaths
from index.load.walk import MAX_BYTES
from index.lock import lock
from index.records import Skipped
from index.snapshot import current_id
from qa import Answer, Index
from qa.config import Settings
from qa.page.discretion import Discretion
from qa.page.records import AddedFiles, EarlierSnapshot
from qa.page.serve import Serving, is_loopback, run
from qa.page.service import Service
from qa.page.uploads import MAX_FILES
from qa.rebuild import BuildState, Rebuilder
from qa.watch import Watcher
from tests.fakes import HashEncoder

QUESTION = "When was the bridge built?"
LOCKED = "the index can't be changed here: the page was started with --read-only"


@pytest.fixture
def index(built: Path, tmp_path: Path) -> Iterator[Index]:
    with Index(built, tmp_path, encoder=HashEncoder()) as opened:
        yield opened


@pytest.fixture
def service(index: Index, built: Path, tmp_path: Path) -> Service:
    return Service(index, built, Rebuilder(built, tmp_path, model="fake", backend="fake"))


@pytest.fixture
def older(built: Path, seeds: Path, encoder: HashEncoder) -> str:
    """Id of a snapshot that another took the place of, which has one more document."""
    before = current_id(IndexPaths(built))
    (seeds / "owl.txt").write_text("An owl hunts at night.", "utf-8")
    build(seeds, built, encoder)
    return before


@pytest.fixture
def upload(tmp_path: Path) -> Callable[..., Path]:
    folder = tmp_path / "uploads"
    folder.mkdir()

    def make(text: str = "A new file.") -> Path:
        path = folder / f"{len(list(folder.iterdir()))}"
        path.write_text(text, "utf-8")
        return path

    return make


def link_of(service: Service) -> str:
    return service.search(QUESTION).results[0].citation.link


# Asking


def test_limits_of_a_question(service: Service) -> None:
    assert service.search(QUESTION, k=100, documents=[]).results == service.search(QUESTION, k=100).results
    with pytest.raises(QuestionError, match=r"^k is 101, expected at most 100$"):
        service.search(QUESTION, k=101)
    link, wrong = link_of(service), (-1, 100_001, True, 1.0, "5", None)
    assert service.open_passage(link, around=100_000).citation
    for around in wrong:
        with pytest.raises(QuestionError, match=r"^around is .*, expected a whole number from 0 to 100,000$"):
            service.open_passage(link, around=around)  # type: ignore[arg-type]
    with pytest.raises(QuestionError, match=r"^style is 'word', expected plain, markdown, bibtex$"):
        service.format_citation(link, "word")  # type: ignore[arg-type]
    with pytest.raises(QuestionError, match=r"^style is 'word', expected markdown or json$"):
        service.export_answer(QUESTION, style="word")  # type: ignore[arg-type]


def test_documents_are_found_by_path_or_title(service: Service) -> None:
    assert [document.source for document in service.list_documents("BRIDGE")] == ["bridge.txt"]
    assert [document.source for document in service.list_documents("Garden")] == ["garden.md"]
    assert len(service.list_documents()) == 3
    assert service.list_documents("nowhere") == []


def test_an_exported_answer_is_the_answer(service: Service) -> None:
    assert Answer.from_json(service.export_answer(QUESTION, k=2, style="json")) == service.search(QUESTION, k=2)
    assert "bridge" in service.export_answer(QUESTION, documents=["bridge.txt"])


def test_a_citation_that_no_longer_stands_can_t_be_written(service: Service, seeds: Path, built: Path) -> None:
    link = link_of(service)
    assert "bridge.txt" in service.format_citation(link)
    (seeds / "bridge.txt").write_text("The bridge is gone.", "utf-8")
    build(seeds, built, HashEncoder())
    for change in (service.format_citation, lambda link: service.give_feedback(QUESTION, link)):
        with pytest.raises(QuestionError, match=r"^bridge\.txt: .*; ask again for a link that holds$"):
            change(link)


def test_votes_are_those_on_the_question(service: Service) -> None:
    first, second = (result.citation for result in service.search(QUESTION, k=2).results)
    assert service.votes(QUESTION) == {}
    assert service.give_feedback(f"  {QUESTION} ", first.link)
    assert service.give_feedback(QUESTION, second.link, useful=False)
    assert service.give_feedback("Is it old?", first.link, useful=False)
    assert sorted(service.votes(QUESTION).values()) == [False, True]
    assert service.give_feedback(QUESTION, second.link, useful=None)
    assert list(service.votes(QUESTION).values()) == [True]
    with pytest.raises(QuestionError, match=r"^the question is empty"):
        service.give_feedback(" ", first.link)


def test_votes_that_can_t_be_read_take_no_answer_down(service: Service, built: Path) -> None:
    assert service.votes_or_note(QUESTION) == ({}, "")
    assert service.give_feedback(QUESTION, link_of(service))
    assert service.votes_or_note(QUESTION) == (service.votes(QUESTION), "")
    path = built / "feedback.jsonl"
    path.write_bytes(path.read_bytes() + b"[1]\n")
    with pytest.raises(SeedQAError) as caught:
        service.votes(QUESTION)
    assert service.votes_or_note(QUESTION) == ({}, str(caught.value))
    assert str(caught.value).startswith(f"{path}, line 2, is not a judgement (")


def test_patterns_are_few_and_short(service: Service) -> None:
    assert service.search(QUESTION, documents=["bridge.txt"] * 99 + ["x" * 1000]).results
    for documents, line in (
        (["bridge.txt"] * 101, "documents has 101 patterns, expected at most 100"),
        (["*", "x" * 1001], "a pattern of documents has 1,001 characters, expected at most 1,000"),
    ):
        for ask in (service.search, service.export_answer):
            with pytest.raises(QuestionError) as caught:
                ask(QUESTION, documents=documents)
            assert str(caught.value) == line


class _HeldEncoder(HashEncoder):
    """Takes as long over a question as ``gate`` is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.busy, self.gate = threading.Event(), threading.Event()

    def encode_question(self, question: str) -> FloatArray:
        self.busy.set()
        self.gate.wait()
        return super().encode_question(question)


def test_few_questions_are_worked_on_at_once(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qa.page.bounds.AT_ONCE", 1)
    monkeypatch.setattr("qa.page.bounds.WAIT_SECONDS", 0.05)
    encoder = _HeldEncoder()
    with Index(built, tmp_path, encoder=encoder) as opened, ThreadPoolExecutor(2) as pool:
        service = Service(opened, built, Rebuilder(built, tmp_path, model="fake", backend="fake"))
        encoder.gate.set()
        answer = service.search(QUESTION)
        link = answer.results[0].citation.link
        encoder.gate.clear()
        encoder.busy.clear()
        held = pool.submit(service.search, QUESTION)
        encoder.busy.wait()
        others: tuple[Callable[[], Any], ...] = (
            lambda: service.search(QUESTION), lambda: service.open_passage(link),
            lambda: service.verify_answer(answer), lambda: service.export_answer(QUESTION),
            lambda: service.format_citation(link), lambda: service.give_feedback(QUESTION, link),
        )  # fmt: skip
        try:
            for other in others:
                with pytest.raises(SeedQAError, match=r"^the server is busy; try again in a moment$"):
                    other()
            assert service.verify_citation(link).status == "verified"  # what reads files has turns of its own
        except BaseException:
            encoder.gate.set()  # so that the pool can end
            raise
        monkeypatch.setattr("qa.page.bounds.WAIT_SECONDS", 30)
        waiting = pool.submit(service.search, QUESTION)
        encoder.gate.set()
        assert held.result() == waiting.result() == answer
        assert all(other() for other in others)  # and so none takes two turns


# The index


def test_status(service: Service, seeds: Path, older: str, built: Path) -> None:
    status = service.index_status()
    (earlier,) = status.earlier
    assert (status.snapshot, status.seeds, status.documents) == (current_id(IndexPaths(built)), str(seeds), 4)
    assert earlier == EarlierSnapshot(id=older, published=earlier.published, documents=3)
    assert all(datetime.fromisoformat(at).tzinfo for at in (status.built, earlier.published))
    assert (status.build, status.watching, status.trouble) == (BuildState(), False, "")
    IndexPaths(built).snapshot(older).manifest.write_text("{", "utf-8")
    assert service.index_status().earlier == ()


def test_comparing(service: Service, older: str) -> None:
    newer = service.index.manifest.id
    for found in (service.compare_snapshots(), service.compare_snapshots(older), service.compare_snapshots("", newer)):
        assert (found.old, found.new, found.added, found.removed) == (older, newer, ("owl.txt",), ())
    assert service.compare_snapshots(newer, older).removed == ("owl.txt",)
    with pytest.raises(QuestionError, match=rf"^no snapshot 'x'; expected one of {newer}, {older}$"):
        service.compare_snapshots("x")


def test_a_damaged_snapshot_is_not_compared_with(service: Service, older: str, built: Path, seeds: Path) -> None:
    damaged = current_id(IndexPaths(built))
    (seeds / "fox.txt").write_text("A fox sleeps in the barn.", "utf-8")
    build(seeds, built, HashEncoder())
    assert service.compare_snapshots().old == damaged
    IndexPaths(built).snapshot(damaged).manifest.write_text("{", "utf-8")
    assert (service.compare_snapshots().old, service.compare_snapshots().added) == (older, ("fox.txt", "owl.txt"))
    with pytest.raises(SnapshotError):
        service.compare_snapshots(damaged)
    IndexPaths(built).snapshot(older).manifest.write_text("{", "utf-8")
    with pytest.raises(QuestionError, match=r"^there is no other snapshot that can be read, "):
        service.compare_snapshots()


def test_there_is_nothing_to_compare_yet(service: Service) -> None:
    with pytest.raises(
        QuestionError, match=r"^there is no other snapshot that can be read, so nothing to compare; rebuild first$"
    ):
        service.compare_snapshots()


def test_going_back(service: Service, older: str, built: Path) -> None:
    newer = service.index.manifest.id
    assert service.restore_snapshot(older).snapshot == older
    assert service.search(QUESTION).snapshot == older == current_id(IndexPaths(built))
    assert [earlier.id for earlier in service.index_status().earlier] == [newer]
    with pytest.raises(SnapshotError, match=r"^no snapshot '\.\./x' in "):
        service.restore_snapshot("../x")
    with lock(IndexPaths(built), "test"), pytest.raises(BuildLocked):
        service.restore_snapshot(newer)


def test_a_folder_that_can_t_be_read(service: Service) -> None:
    with pytest.raises(SeedsError, match=r"^seeds folder /nowhere does not exist"):
        service.rebuild(" /nowhere ")
    with pytest.raises(SeedsError, match=r"^seeds folder ~nobody-there can't be found \(.*\); name its full path$"):
        service.rebuild("~nobody-there")
    assert service.rebuild_status() == BuildState()


# Files


def test_files_are_kept_under_their_names(service: Service, seeds: Path, upload: Callable[..., Path]) -> None:
    names = ["new.txt", "Größe (1) & more, really!.md", "ü" * 100]
    assert service.keep_files([(name, upload()) for name in names]) == AddedFiles(
        added=tuple(names), refused=(), folder=str(seeds)
    )
    assert {(seeds / name).read_text("utf-8") for name in names} == {"A new file."}
    assert len(list(seeds.iterdir())) == 6


def test_a_file_that_is_there_is_never_replaced(service: Service, seeds: Path, upload: Callable[..., Path]) -> None:
    before = (seeds / "bridge.txt").read_text("utf-8")
    (seeds / "dangling.txt").symlink_to(seeds.parent / "outside.txt")
    names = ["bridge.txt", "dangling.txt", "twice.txt", "twice.txt"]
    kept = service.keep_files([(name, upload(name)) for name in names])
    assert (kept.added, [refused.source for refused in kept.refused]) == (
        ("twice.txt",),
        [names[0], names[1], names[3]],
    )
    assert {refused.reason for refused in kept.refused} == {"a file of that name is there already; rename one of them"}
    assert (seeds / "bridge.txt").read_text("utf-8") == before
    assert not (seeds.parent / "outside.txt").exists()


def test_what_stands_beside_a_file_is_not_touched(service: Service, seeds: Path, upload: Callable[..., Path]) -> None:
    (seeds / "canal.txt.tmp").write_text("Mine.", "utf-8")
    assert service.keep_files([("canal.txt", upload())]).added == ("canal.txt",)
    assert (seeds / "canal.txt.tmp").read_text("utf-8") == "Mine."
    assert (seeds / "canal.txt").stat().st_mode == (seeds / "canal.txt.tmp").stat().st_mode


def test_of_two_at_once_one_gets_the_name(service: Service, seeds: Path, upload: Callable[..., Path]) -> None:
    threads = 4
    start = threading.Barrier(threads)

    def add(name: str, path: Path) -> AddedFiles:
        start.wait()
        return service.keep_files([(name, path)])

    with ThreadPoolExecutor(threads) as pool:
        for number in range(20):
            name = f"new-{number}.txt"
            paths = [upload(str(thread) * 100_000) for thread in range(threads)]
            kept = list(pool.map(add, [name] * threads, paths))
            (winner,) = (path for path, one in zip(paths, kept, strict=True) if one.added)
            assert (seeds / name).read_bytes() == winner.read_bytes()
            assert sum(len(one.refused) for one in kept) == threads - 1
    assert len(list(seeds.iterdir())) == 3 + 20


@pytest.mark.parametrize("links", [True, False])
def test_a_name_that_is_taken_meanwhile_stays_taken(
    service: Service, seeds: Path, upload: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def synced(path: Path) -> None:
        if path != seeds:
            assert path.name.startswith(".")  # so that no watcher and no build sees it
            (seeds / "taken.txt").write_text("Mine.", "utf-8")

    def no_link(*_: Path) -> None:
        raise OSError(errno.EPERM, "no links on this disk")

    monkeypatch.setattr("qa.page.uploads.sync", synced)
    if not links:
        monkeypatch.setattr(os, "link", no_link)
    kept = service.keep_files([("taken.txt", upload()), ("free.txt", upload())])
    assert (kept.added, [refused.source for refused in kept.refused]) == (("free.txt",), ["taken.txt"])
    assert (seeds / "taken.txt").read_text("utf-8") == "Mine."
    assert (seeds / "free.txt").read_text("utf-8") == "A new file."
    assert len(list(seeds.iterdir())) == 5


def test_a_full_disk_leaves_nothing_behind(
    service: Service, seeds: Path, upload: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("qa.page.uploads.sync", full)
    with pytest.raises(SeedsError, match=r" can't be written \(No space left on device\); check its permissions"):
        service.keep_files([("a.txt", upload())])
    assert len(list(seeds.iterdir())) == 3


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "its name is hidden or leads elsewhere; rename it"),
        (".", "its name is hidden or leads elsewhere; rename it"),
        ("..", "its name is hidden or leads elsewhere; rename it"),
        ("../x.txt", "its name is hidden or leads elsewhere; rename it"),
        ("a/b.txt", "its name is hidden or leads elsewhere; rename it"),
        ("/etc/passwd", "its name is hidden or leads elsewhere; rename it"),
        ("..\\x.txt", "its name is hidden or leads elsewhere; rename it"),
        ("C:\\x.txt", "its name is hidden or leads elsewhere; rename it"),
        (".ssh", "its name is hidden or leads elsewhere; rename it"),
        ("a\tb", "its name has control characters; rename it"),
        ("a\0b", "its name has control characters; rename it"),
        ("a\u200bb", "its name has control characters; rename it"),
        ("a\ud800b", "its name has control characters; rename it"),
        ("ü" * 101, "its name has more than 200 bytes; rename it"),
    ],
)  # fmt: skip
def test_names_that_are_refused(
    service: Service, seeds: Path, upload: Callable[..., Path], name: str, reason: str
) -> None:
    before = sorted(seeds.parent.rglob("*"))
    kept = service.keep_files([(name, upload())])
    assert [refused.reason for refused in kept.refused] == [reason]
    assert kept.to_json()
    assert sorted(path for path in seeds.parent.rglob("*") if path.parent.name != "uploads") == before


def test_files_that_are_too_large_or_too_many(service: Service, seeds: Path, upload: Callable[..., Path]) -> None:
    large = upload()
    with large.open("r+b") as file:
        file.truncate(MAX_BYTES + 1)
    kept = service.keep_files([("large.txt", large)])
    assert kept.refused == (Skipped(source="large.txt", reason=f"larger than {MAX_BYTES // 2**20} MiB"),)
    one = upload()
    kept = service.keep_files([(f"{number}.txt", one) for number in range(MAX_FILES + 2)])
    assert len(kept.added) == MAX_FILES
    assert [refused.source for refused in kept.refused] == [f"{MAX_FILES}.txt", f"{MAX_FILES + 1}.txt"]
    assert {refused.reason for refused in kept.refused} == {f"more than {MAX_FILES} files at once"}
    assert len(list(seeds.iterdir())) == MAX_FILES + 3


def test_a_folder_that_can_t_be_written(service: Service, seeds: Path, upload: Callable[..., Path]) -> None:
    shutil.rmtree(seeds)
    with pytest.raises(SeedsError, match=r" can't be written \(No such file or directory\); check its permissions"):
        service.keep_files([("a.txt", upload())])


# To read only


def test_to_read_only(index: Index, built: Path, seeds: Path, upload: Callable[..., Path]) -> None:
    service = Service(index, built, Rebuilder(built, built, model="fake", backend="fake"), read_only=True)
    changes: tuple[Callable[[], Any], ...] = (
        service.rebuild, service.cancel_rebuild, lambda: service.restore_snapshot("x"),
        lambda: service.keep_files([("a.txt", upload())]),
    )  # fmt: skip
    for change in changes:
        with pytest.raises(SeedQAError) as refused:
            change()
        assert str(refused.value) == LOCKED
    assert len(list(seeds.iterdir())) == 3
    assert service.search(QUESTION).results
    assert service.give_feedback(QUESTION, link_of(service))
    assert service.rebuild_status() == BuildState()


# What it is served with


@pytest.mark.parametrize(
    ("serving", "line"),
    [
        (Serving(host="0.0.0.0"), "host 0.0.0.0 can be reached from other computers, so a login is needed: "),
        (Serving(host="::"), "host :: can be reached from other computers, so a login is needed: "),
        (Serving(host="192.0.2.1"), "host 192.0.2.1 can be reached from other computers, so a login is needed: "),
        (Serving(host=""), "host  can be reached from other computers, so a login is needed: "),
        (Serving(root_path="seedqa"), "root path is 'seedqa', expected one like /seedqa"),
        (Serving(root_path="/seedqa/"), "root path is '/seedqa/', expected one like /seedqa"),
        (Serving(root_path="/"), "root path is '/', expected one like /seedqa"),
        (Serving(root_path="/a/../b"), "root path is '/a/../b', expected one like /seedqa"),
        (Serving(root_path="//evil.example"), "root path is '//evil.example', expected one like /seedqa"),
        (Serving(root_path="/a?b"), "root path is '/a?b', expected one like /seedqa"),
        (Serving(allowed_hosts=("http://box",)), "allowed host 'http://box' is no host name; give one like box.local"),
        (Serving(certificate=Path("x")), "TLS needs both files: --tls-cert FILE and --tls-key FILE"),
        (Serving(key=Path("x")), "TLS needs both files: --tls-cert FILE and --tls-key FILE"),
        (Serving(certificate=Path("none"), key=Path("none")),
         "TLS files none and none can't be used (No such file or directory); expected a certificate and its key"),
        (Serving(certificate=Path(__file__), key=Path(__file__)), f"TLS files {__file__} and {__file__} can't be used"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense(built: Path, serving: Serving, line: str) -> None:
    with pytest.raises(SettingsError) as refused:
        run(Settings(index=built), serving, print)
    assert str(refused.value).startswith(line)
    assert "\n" not in str(refused.value)


def test_addresses_that_only_this_computer_reaches() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "", "10.0.0.1", "localhost.evil.example", "127.1", "fe80::1")))


@pytest.mark.parametrize(
    ("serving", "address"),
    [
        (Serving(), "http://127.0.0.1"),
        (Serving(host="localhost"), "http://localhost"),
        (Serving(host="::1"), "http://[::1]"),
        (Serving(host="0.0.0.0"), "http://127.0.0.1"),
        (Serving(host="::", certificate=Path("x")), "https://[::1]"),
    ],
)
def test_the_address_that_is_told_leads_there(serving: Serving, address: str) -> None:
    assert serving.address == address


def test_another_folder_is_for_whoever_sits_at_this_computer(open_service: Service, seeds: Path) -> None:
    message = (
        "^another folder can't be named here, where other computers reach the page; "
        "name it on the server: qa build FOLDER$"
    )
    with pytest.raises(SeedsError, match=message):
        open_service.rebuild(str(seeds))


@pytest.mark.parametrize(
    ("serving", "private"),
    [
        (Serving(), True),
        (Serving(host="::1"), True),
        (Serving(host="localhost"), True),
        (Serving(host="0.0.0.0"), False),
        (Serving(host="192.168.1.5"), False),
        (Serving(allowed_hosts=("box.local",)), False),
        (Serving(root_path="/seedqa"), False),
    ],
)
def test_what_counts_as_private(serving: Serving, private: bool) -> None:
    assert serving.private is private


# What is told of where things are


@pytest.fixture
def open_service(index: Index, built: Path, tmp_path: Path) -> Iterator[Service]:
    """A service that others can reach, and that watches the documents."""
    with (
        closing(Rebuilder(built, tmp_path, model="/srv/models/none", backend="fake")) as rebuilder,
        closing(Watcher(rebuilder.folder, lambda: None, built)) as watcher,
    ):
        yield Service(index, built, rebuilder, watcher, private=False)


def error_of(call: Callable[[], Any]) -> str:
    with pytest.raises(SeedQAError) as caught:
        call()
    return str(caught.value)


def test_others_are_told_the_names_of_folders_only(
    open_service: Service, service: Service, seeds: Path, built: Path, upload: Callable[..., Path]
) -> None:
    assert open_service.index_status().seeds == "seeds"
    assert service.index_status().seeds == str(seeds)
    assert open_service.keep_files([("a.txt", upload())]).folder == "seeds"
    assert service.keep_files([("b.txt", upload())]).folder == str(seeds)
    link = link_of(service)
    (seeds / "bridge.txt").unlink()
    why = "bridge.txt can't be read in {} (No such file or directory)"
    answer = service.search(QUESTION)
    assert open_service.verify_citation(link).detail == why.format("seeds")
    assert service.verify_citation(link).detail == why.format(seeds)
    assert why.format("seeds") in {check.detail for check in open_service.verify_answer(answer)}
    assert why.format(seeds) in {check.detail for check in service.verify_answer(answer)}
    assert error_of(lambda: open_service.restore_snapshot("0")).startswith("no snapshot '0' in index; expected one of ")
    assert error_of(lambda: service.restore_snapshot("0")).startswith(f"no snapshot '0' in {built}; expected one of ")
    (built / "feedback.jsonl").write_bytes(b"[1]\n")
    assert open_service.votes_or_note(QUESTION)[1].startswith("index/feedback.jsonl, line 1, is not a judgement (")
    assert service.votes_or_note(QUESTION)[1].startswith(f"{built / 'feedback.jsonl'}, line 1, ")


def test_others_are_not_told_who_holds_the_lock(open_service: Service, service: Service, built: Path) -> None:
    ident = current_id(IndexPaths(built))
    with lock(IndexPaths(built), "build of /srv/secret"):
        told = error_of(lambda: open_service.restore_snapshot(ident))
        assert told == "index is locked by another process; wait until it ends, or end it, then try again"
        assert f"{built} is locked by process {os.getpid()} on " in error_of(lambda: service.restore_snapshot(ident))
        open_service.rebuild()
        state = until_ended(open_service)
    assert (state.outcome, state.seeds, str(built.parent) in state.to_json()) == ("failed", "seeds", False)
    assert open_service.index_status().build == state


def test_others_are_not_told_where_a_build_has_read(open_service: Service, service: Service, seeds: Path) -> None:
    (seeds / "bridge.txt").write_text("", "utf-8")
    state = open_service.rebuild()
    assert state.seeds == "seeds"
    assert until_ended(open_service).seeds == "seeds"
    for path in seeds.iterdir():
        path.unlink()
    mends = "is empty; put documents into it"
    assert error_of(open_service.rebuild) == f"seeds folder seeds {mends}"
    assert error_of(service.rebuild) == f"seeds folder {seeds} {mends}"
    seeds.rmdir()
    until(lambda: open_service.index_status().trouble)
    assert open_service.index_status().trouble == (
        "seeds folder seeds is gone; put it back, or build from another folder"
    )


def test_others_are_not_told_why_a_newer_snapshot_can_t_be_opened(
    open_service: Service, service: Service, built: Path, older: str
) -> None:
    newer = current_id(IndexPaths(built))
    manifest = f"snapshots/{newer}/manifest.json"
    (built / manifest).write_text("{", "utf-8")
    (told,), (full,) = open_service.search(QUESTION, k=1).notes, service.search(QUESTION, k=1).notes
    assert told.startswith(f"a newer snapshot can't be opened, so this is from the one before: index/{manifest} ")
    assert full == told.replace(f"index/{manifest}", str(built / manifest))
    assert Answer.from_json(open_service.export_answer(QUESTION, k=1, style="json")).notes == (told,)
    assert service.search(QUESTION).snapshot == older


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)


def until_ended(service: Service) -> BuildState:
    until(lambda: not service.rebuild_status().running)
    return service.rebuild_status()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/srv/x/model.xml can't be read", "model.xml can't be read"),
        ("model '/srv/some models/a' is bad", "model 'some models/a' is bad"),
        ("missing: /a/b/c/, at:/d/e.txt (/f/g)", "missing: c/, at:e.txt (g)"),
        (r"C:\Users\max\x.txt and \\box\share\y.txt", "x.txt and y.txt"),
        ("https://a.org/b/c, text/html, notes/a.md and 1/2", "https://a.org/b/c, text/html, notes/a.md and 1/2"),
        ("{home}/.cache/x.bin", "~/.cache/x.bin"),
        ("{seeds}/a/b.txt, {seeds}2/c.txt, notes{seeds}/d", "docs/a/b.txt, my files/docs2/c.txt, notes{seeds}/d"),
        ("{index}/snapshots", "idx/snapshots"),
    ],
)  # fmt: skip
def test_paths_are_shortened(monkeypatch: pytest.MonkeyPatch, line: str, told: str) -> None:
    folders = {"home": "/home/max", "seeds": "/data/my files/docs", "index": "/home/max/idx"}
    monkeypatch.setenv("HOME", folders["home"])
    monkeypatch.setenv("USERPROFILE", folders["home"])
    roots = [Path(folders["index"]), Path(folders["seeds"]), Path("/")]
    assert Discretion(lambda: roots, private=False).line(line.format(**folders)) == told.format(**folders)
    assert Discretion(lambda: roots, private=True).line(line) == line
