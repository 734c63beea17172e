"""What the page, the API and the MCP server can do, called directly; the rest is tested over the wire."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from index import build
from index.errors import BuildLocked, QuestionError, SeedQAError, SeedsError, SettingsError, SnapshotError
from index.layout import IndexPaths
from index.load.walk import MAX_BYTES
from index.lock import lock
from index.records import Skipped
from index.snapshot import current_id
from qa import Answer, Index
from qa.config import Settings
from qa.page.records import AddedFiles, EarlierSnapshot
from qa.page.serve import Serving, is_loopback, run
from qa.page.service import MAX_FILES, Service
from qa.rebuild import BuildState, Rebuilder
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
    newer = service.manifest().id
    for found in (service.compare_snapshots(), service.compare_snapshots(older), service.compare_snapshots("", newer)):
        assert (found.old, found.new, found.added, found.removed) == (older, newer, ("owl.txt",), ())
    assert service.compare_snapshots(newer, older).removed == ("owl.txt",)
    with pytest.raises(QuestionError, match=rf"^no snapshot 'x'; expected one of {newer}, {older}$"):
        service.compare_snapshots("x")


def test_there_is_nothing_to_compare_yet(service: Service) -> None:
    with pytest.raises(QuestionError, match=r"^there is one snapshot only, nothing to compare it with; rebuild first$"):
        service.compare_snapshots()


def test_going_back(service: Service, older: str, built: Path) -> None:
    newer = service.manifest().id
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


def test_another_folder_is_for_whoever_sits_at_this_computer(index: Index, built: Path, seeds: Path) -> None:
    service = Service(index, built, Rebuilder(built, built, model="fake", backend="fake"), any_folder=False)
    message = (
        "^another folder can't be named here, where other computers reach the page; "
        "name it on the server: qa build FOLDER$"
    )
    with pytest.raises(SeedsError, match=message):
        service.rebuild(str(seeds))


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
