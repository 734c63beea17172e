"""What benchmarks.faq takes for a question, and for its answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.faq import Source, answers, asks, bare, read_page, read_pod, read_source, unmarked, version_of
from index.errors import SeedQAError

LONG = "Yes, in March, before the first leaves come out, and never in frost; use clean shears, and cut above a bud."


@pytest.mark.parametrize(
    ("heading", "question"),
    [
        ("3.4.  How do I\n cut roses? ¶", "How do I cut roses?"),
        ("(FAQ 1a) How do I cut roses?", "How do I cut roses?"),
        ("G7. How do I cut roses?", "How do I cut roses?"),
        ("[D.5] How do I cut roses?", "How do I cut roses?"),
        ("Q: How do I cut roses?", "How do I cut roses?"),
        ("Which is it, 3 or 4 roses?", "Which is it, 3 or 4 roses?"),
        ("“How do I cut roses?”", "How do I cut roses?"),
    ],
)
def test_a_heading_is_bared(heading: str, question: str) -> None:
    assert bare(heading) == question


@pytest.mark.parametrize(
    ("question", "told"),
    [("How do I cut roses?", True), ("Roses?", False), ("How to cut roses", False), ("…cut all of my roses?", False)],
)
def test_what_asks_by_itself(question: str, told: bool) -> None:
    assert asks(question) is told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (LONG, True),
        ("Yes, in March.", False),
        ("https://example.org/" + "a" * 100, False),
        (
            "See the chapter on pruning, and there the section on roses, shrubs and everything else that has thorns.",
            False,
        ),
        (f"See the chapter on pruning. {LONG} {LONG}", True),
    ],
)
def test_what_answers_by_itself(text: str, told: bool) -> None:
    assert answers(text) is told


def test_a_page_gives_its_questions_and_what_stands_below_them() -> None:
    page = (
        "<h1>Garden</h1><p>Welcome.</p><h2>1. When are roses cut?</h2><p>In March.</p><h3>Tools</h3><p>Shears.</p>"
        "<h2>2. Pond</h2><p>Frogs.</p><h2>3. Who sings at night?</h2><p>Answer: Frogs do.</p>"
    )
    assert list(read_page(page.encode())) == [
        ("When are roses cut?", "In March.\n\nShears."),
        ("Who sings at night?", "Frogs do."),
    ]


def test_pod_gives_the_same_without_its_marks() -> None:
    pod = (
        "=head1 NAME\n\ngarden\n\n=head2 When are C<roses> cut?\nX<rose>\n\nIn I<March>, see L<the calendar|cal/x> "
        "and\nC<< a < b >>.\n\n    cut($rose);\n\n=over\n\n=item early\n\n=back\n\n"
        "=begin html\n\n<b>no</b>\n\n=end html\n\n"
        "=head2 Pond\n\nFrogs.\n"
    )
    assert list(read_pod(pod.encode())) == [
        ("When are roses cut?", "In March, see the calendar and\na < b.\n\n    cut($rose);\n\nearly")
    ]
    assert unmarked("  C<verbatim>") == "  C<verbatim>"


def test_a_source_leaves_out_what_answers_nothing_and_names_what_is_missing(tmp_path: Path) -> None:
    home = tmp_path / "roses" / "usr/share/doc/roses"
    home.mkdir(parents=True)
    (home / "faq.html").write_text(
        f"<h1>Roses</h1><h2>When are roses cut?</h2><p>{LONG}</p><h2>And why is that?</h2><p>So.</p>"
        f"<h2>When are roses cut, again?</h2><p>{LONG}</p>",
        "utf-8",
    )
    source = Source(package="roses", title="Roses", paths=("faq.html",), licence="MIT")
    assert [(pair.question, pair.answer) for pair in read_source(source, tmp_path)] == [("When are roses cut?", LONG)]
    missing = Source(package="roses", title="Roses", paths=("none.html",), licence="MIT")
    with pytest.raises(SeedQAError) as caught:
        read_source(missing, tmp_path)
    assert str(caught.value) == f"{home / 'none.html'} is not there; remove the folder of roses and fetch it anew"
    (tmp_path / "roses" / "DEBIAN").mkdir()
    (tmp_path / "roses" / "DEBIAN" / "control").write_text("Package: roses\nVersion: 1:2.3-4\n", "utf-8")
    assert version_of(tmp_path / "roses") == "1:2.3-4"
    with pytest.raises(SeedQAError) as caught:
        version_of(tmp_path / "tulips")
    control = tmp_path / "tulips" / "DEBIAN" / "control"
    assert str(caught.value) == f"{control} tells no version; remove the folder of tulips and fetch it anew"
