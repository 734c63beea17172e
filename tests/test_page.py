"""The page in a real browser, served by ``qa serve`` with the real model: asking, reading and checking."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, Route, expect

from benchmarks.browser import Server, browsing, serving
from index import build
from index.encode import Encoder
from qa import Answer, Index, open_index
from qa.calibration import AS_SHIPPED
from qa.feedback import Feedback
from qa.page import texts
from tests.pages import (
    HOSTILE,
    HOSTILE_NAME,
    LONG,
    PHONE,
    Reader,
    asked_of,
    expected_cards,
    needs_browser,
    reading,
    window,
    write_library,
)

pytestmark = needs_browser

QUESTION = "What is a citation link?"
UNKNOWN = "What is the capital of France?"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as started:
        yield started


@pytest.fixture(scope="module")
def server(real_encoder: Encoder, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page of a library that stays as it is."""
    folder = tmp_path_factory.mktemp("page")
    build(write_library(folder / "seeds"), folder / "index", real_encoder)
    with serving(folder / "index", cache) as started:
        yield started
    assert started.log.read_text("utf-8") == ""


@pytest.fixture(scope="module")
def library(server: Server, real_encoder: Encoder) -> Iterator[Index]:
    """The same index, open in Python."""
    with open_index(server.index, encoder=real_encoder) as opened:
        yield opened


@pytest.fixture(scope="module")
def desk(browser: Browser) -> Iterator[BrowserContext]:
    with window(browser) as context:
        yield context


@pytest.fixture
def reader(desk: BrowserContext, server: Server) -> Iterator[Reader]:
    with reading(desk, server) as opened:
        yield opened


def test_the_page_has_a_language_a_title_one_heading_and_landmarks(reader: Reader) -> None:
    page = reader.page
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.title() == texts.TITLE
    assert page.locator("h1").all_inner_texts() == [f"{texts.TITLE} {texts.TAGLINE}"]
    for role in ("main", "search", "contentinfo"):
        expect(page.get_by_role(role)).to_have_count(1)
    reader.ask(QUESTION)
    assert page.title() == f"{QUESTION} – {texts.TITLE}"
    expect(page.get_by_role("region", name=QUESTION)).to_be_visible()
    reader.open(1)
    expect(page.get_by_role("complementary")).to_have_count(1)


def test_the_question_box_has_focus_and_enter_asks(reader: Reader, library: Index) -> None:
    expect(reader.box).to_be_focused()
    reader.page.keyboard.type(QUESTION)
    with reader.answered(QUESTION):
        reader.page.keyboard.press("Enter")
    answer = library.search(QUESTION)
    assert reader.cards() == expected_cards(answer)
    expect(reader.page.locator("#sq-live")).to_have_text(texts.found(answer))
    assert parse_qs(urlsplit(reader.page.url).query) == {"q": [QUESTION]}
    expect(reader.box).to_be_focused()


def test_confidence_has_its_parts_in_words_on_demand(reader: Reader, library: Index) -> None:
    reader.ask(QUESTION)
    first = library.search(QUESTION).results[0]
    reasons = reader.card(1).locator(".sq-why-box li")
    expect(reasons.first).to_be_hidden()
    reader.card(1).get_by_text(texts.WHY).click()
    assert reasons.all_inner_texts() == list(texts.reasons(first))


def test_examples_come_from_the_index_and_can_be_asked(reader: Reader, library: Index) -> None:
    chips = reader.page.locator("#sq-chips .sq-chips:first-child .sq-chip")
    examples = library.examples(4)
    assert tuple(chips.all_inner_texts()) == examples
    with reader.answered(examples[1]):
        chips.nth(1).click()
    expect(reader.box).to_have_value(examples[1])
    expect(reader.page.locator("#sq-heading")).to_be_focused()
    expect(reader.outdated).to_be_hidden()
    assert reader.cards() == expected_cards(library.search(examples[1]))


def test_waiting_is_shown_until_the_answer_is_there(reader: Reader) -> None:
    reader.ask(QUESTION)
    held: list[Route] = []

    def hold(route: Route) -> None:
        if "How long" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    reader.page.route("**/gradio_api/**", hold)
    reader.box.fill("How long does it take?")
    with reader.answered("How long does it take?"):
        reader.box.press("Enter")
        expect(reader.results).to_have_attribute("aria-busy", "true")
        shown = reader.results.evaluate("pane => getComputedStyle(pane, '::before').content")
        assert shown == f'"{texts.SEARCHING}"'
        expect(reader.page.locator("#sq-live")).to_have_text(texts.SEARCHING)
        held[0].continue_()
    reader.page.unroute_all(behavior="wait")
    reader.ask("How long does it take?")  # the same answer again ends the wait, too


@pytest.mark.parametrize("kind", sorted(LONG))
def test_a_source_opens_beside_the_answers_at_its_passage(reader: Reader, library: Index, kind: str) -> None:
    path, _, question, sentence = LONG[kind]
    reader.ask(question)
    first = library.search(question).results[0].citation
    assert (first.source, first.evidence) == (path, sentence)
    reader.open(1)
    context, page = reader.context, reader.page
    pane = context.locator(".sq-source")
    assert pane.locator(".sq-passage").text_content() == first.quote
    assert pane.locator("mark").all_text_contents() == [first.evidence]
    assert pane.text_content() == library.open_passage(first.link).text
    expect(page.locator("#sq-context-title")).to_be_focused()
    mark, around = pane.locator("mark").bounding_box(), pane.bounding_box()
    assert mark is not None
    assert around is not None
    assert pane.evaluate("pane => pane.scrollTop") > 500
    assert around["y"] >= 0
    assert around["y"] <= mark["y"] <= mark["y"] + mark["height"] <= around["y"] + around["height"] <= 900
    expect(pane.locator("mark")).to_be_in_viewport(ratio=1)
    expect(reader.card(1)).to_have_class(re.compile("sq-current"))


def test_next_and_previous_walk_through_the_passages(reader: Reader, library: Index) -> None:
    reader.ask(QUESTION)
    quotes = [result.citation.quote for result in library.search(QUESTION).results]
    reader.open(1)
    following = reader.context.get_by_role("button", name=texts.NEXT_HIT)
    before = reader.context.get_by_role("button", name=texts.PREVIOUS_HIT)
    expect(before).to_be_disabled()
    for rank in range(2, 6):
        following.click()
        expect(reader.context).to_have_attribute("data-rank", str(rank))
        assert reader.context.locator(".sq-passage").text_content() == quotes[rank - 1]
        expect(reader.context.locator("mark").first).to_be_in_viewport()
        expect(reader.card(rank).locator("h3")).to_be_in_viewport()
    expect(following).to_be_disabled()
    before.click()
    expect(reader.context).to_have_attribute("data-rank", "4")
    expect(reader.page.locator(".sq-of")).to_have_text("4 / 5")


@pytest.mark.parametrize("way", ["Escape", "Close"])
def test_closing_a_source_leads_back_to_where_one_was(reader: Reader, way: str) -> None:
    reader.ask(QUESTION)
    reader.card(4).scroll_into_view_if_needed()
    button = reader.card(4).get_by_role("button", name=texts.OPEN)
    button.focus()
    before = reader.page.evaluate("scrollY"), button.bounding_box()
    assert before[0] > 0
    reader.page.keyboard.press("Enter")
    expect(reader.context).to_have_attribute("data-rank", "4")
    expect(reader.card(4).locator("header")).to_be_in_viewport()
    reader.context.get_by_role("button", name=texts.NEXT_HIT).click()
    expect(reader.context).to_have_attribute("data-rank", "5")
    if way == "Escape":
        reader.page.keyboard.press("Escape")
    else:
        reader.context.get_by_role("button", name=texts.CLOSE).click()
    expect(reader.context).to_have_count(0)
    expect(button).to_be_focused()
    assert (reader.page.evaluate("scrollY"), button.bounding_box()) == before


def test_results_are_outdated_while_the_form_differs(reader: Reader) -> None:
    reader.ask(QUESTION)
    expect(reader.outdated).to_be_hidden()

    def differs() -> None:
        expect(reader.outdated.locator(".sq-why")).to_have_text(texts.OUTDATED_ASKED)
        expect(reader.outdated).to_be_visible()

    reader.box.fill(f"{QUESTION} Or not?")
    differs()
    reader.box.fill(QUESTION)
    expect(reader.outdated).to_be_hidden()
    for ident, other, same in (("sq-k", 7, 5), ("sq-threshold", 0.5, 0.3)):
        reader.set_number(ident, other)
        differs()
        reader.set_number(ident, same)
        expect(reader.outdated).to_be_hidden()
    only = reader.page.locator("#sq-documents input")
    only.fill("civilizations/*")
    only.press("Enter")
    differs()
    with reader.answered(QUESTION):
        reader.outdated.get_by_role("button", name=texts.ASK_AGAIN).click()
    expect(reader.outdated).to_be_hidden()
    expect(reader.page.locator("#sq-heading")).to_be_focused()
    assert asked_of(reader)["documents"] == ["civilizations/*"]
    assert {card["place"].partition("/")[0] for card in reader.cards()} == {"civilizations"}
    assert parse_qs(urlsplit(reader.page.url).query) == {"q": [QUESTION], "in": ["civilizations/*"]}


def test_what_is_not_found_is_refused_with_the_meaning_of_the_threshold(reader: Reader, library: Index) -> None:
    reader.ask(UNKNOWN)
    answer = library.search(UNKNOWN)
    assert not answer.found
    refused = reader.page.locator(".sq-refused")
    assert refused.locator("h3").text_content() == f"∅ {texts.NOT_FOUND}"
    rates = "are refused; of those without one, 18.7% get through"
    assert refused.locator("p").all_inner_texts() == [texts.refusal(answer), texts.threshold_meaning(0.3, AS_SHIPPED)]
    assert rates in texts.threshold_meaning(0.3, AS_SHIPPED)
    expect(reader.page.locator("#sq-live")).to_have_text(texts.found(answer))
    expect(reader.card(1)).to_be_hidden()
    weak = reader.page.locator("details.sq-weak > summary")
    expect(weak).to_have_text(f"{texts.WEAK} (5)")
    weak.click()
    expect(reader.card(1)).to_be_visible()
    assert reader.cards() == expected_cards(answer)


def test_more_passages_and_groups(reader: Reader, library: Index) -> None:
    reader.ask(QUESTION)
    with reader.answered(QUESTION):
        reader.page.get_by_role("button", name=texts.MORE).click()
    answer = library.search(QUESTION, k=10)
    assert sorted(reader.cards(), key=lambda card: int(card["rank"])) == expected_cards(answer)
    expect(reader.card(6).locator("h3")).to_be_focused()
    expect(reader.card(6)).to_be_visible()
    expect(reader.page.locator("#sq-k input[type=number]")).to_have_value("10")
    expect(reader.outdated).to_be_hidden()
    with reader.answered(QUESTION):
        reader.page.get_by_label(texts.GROUP).check()
    groups = reader.page.locator(".sq-answer > .sq-group")
    strong = [result.citation for result in answer.results if result.confidence >= answer.threshold]
    assert groups.locator(".sq-document .sq-path").all_inner_texts() == list(dict.fromkeys(c.source for c in strong))
    for group in groups.all():
        within = {place.partition(",")[0] for place in group.locator(".sq-card .sq-path").all_inner_texts()}
        assert within == {group.locator(".sq-document .sq-path").inner_text()}


def test_a_question_in_another_language_is_warned_of(reader: Reader) -> None:
    reader.ask("Was ist eine Momentaufnahme und wie kann ich sie wiederherstellen?")
    expect(reader.page.locator(".sq-note")).to_contain_text("the question seems to be in German")
    reader.box.fill("?!")
    reader.box.press("Enter")
    expect(reader.page.get_by_role("alert")).to_contain_text("has no words; ask in a few words")


def test_an_answer_is_exported(reader: Reader, library: Index, tmp_path: Path) -> None:
    reader.ask(QUESTION)
    saved = {}
    for name in (texts.EXPORT_MARKDOWN, texts.EXPORT_JSON):
        with reader.page.expect_download() as download:
            reader.page.get_by_role("button", name=name).click()
        target = tmp_path / download.value.suggested_filename
        download.value.save_as(target)
        saved[target.name] = target.read_text("utf-8")
    answer = library.search(QUESTION)
    assert Answer.from_json(saved["answer.json"]) == answer
    assert saved["answer.md"].startswith(r"# What is a citation link\?" + "\n\nFound with confidence")
    assert all(result.citation.link in saved["answer.md"] for result in answer.results)


def test_whoever_is_quicker_than_the_page_loses_nothing(desk: BrowserContext, server: Server) -> None:
    """What the address names is looked up while the page can be used already."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if (route.request.post_data_json or {}).get("data") == []:
            held.append(route)
        else:
            route.continue_()

    desk.route("**/gradio_api/run/predict*", hold)
    with reading(desk, server) as reader:
        reader.ask(QUESTION)
        assert len(held) == 1
        with reader.page.expect_response(held[0].request.url):
            held[0].continue_()
        for _ in range(2):  # until what has come is drawn
            reader.page.evaluate("new Promise(requestAnimationFrame)")
        expect(reader.box).to_have_value(QUESTION)
        expect(reader.page.locator("#sq-heading")).to_have_text(QUESTION)
    desk.unroute("**/gradio_api/run/predict*", hold)


def test_the_address_reopens_an_answer_and_back_leads_to_the_one_before(reader: Reader) -> None:
    page = reader.page
    reader.set_number("sq-k", 3)
    reader.set_number("sq-threshold", 0.4)
    reader.ask(QUESTION)
    page.reload()
    expect(page.locator("#sq-heading")).to_have_text(QUESTION)
    asked = asked_of(reader)
    assert (asked["question"], asked["k"], asked["threshold"]) == (QUESTION, 3, 0.4)
    reader.ask("What is a snapshot?")
    page.go_back()
    expect(page.locator("#sq-heading")).to_have_text(QUESTION)
    page.go_forward()
    expect(page.locator("#sq-heading")).to_have_text("What is a snapshot?")


def test_recent_questions_stay_in_the_browser_until_forgotten(reader: Reader, server: Server) -> None:
    recent = reader.page.locator("#sq-recent-list .sq-chip")
    expect(recent).to_have_count(0)
    for question in (QUESTION, UNKNOWN, QUESTION):
        reader.ask(question)
    assert recent.all_inner_texts() == [QUESTION, UNKNOWN]
    reader.page.reload()
    expect(recent).to_have_text([QUESTION, UNKNOWN])
    stored = reader.page.evaluate("({...localStorage})")
    assert {name: value for name, value in stored.items() if QUESTION in value} == {
        "seedqa.recent": msgspec.json.encode([QUESTION, UNKNOWN]).decode()
    }
    with reader.answered(UNKNOWN):
        recent.nth(1).click()
    reader.page.get_by_role("button", name=texts.FORGET).click()
    expect(reader.page.locator("#sq-recent")).to_be_hidden()
    expect(reader.box).to_be_focused()
    assert reader.page.evaluate("localStorage.getItem('seedqa.recent')") is None
    assert all(QUESTION.encode() not in path.read_bytes() for path in server.index.rglob("*.json*"))


def test_votes_are_kept_shown_again_and_taken_back(reader: Reader, server: Server, library: Index) -> None:
    citation = library.search(QUESTION).results[1].citation
    feedback = Feedback(server.index)
    vote = reader.card(2).locator(".sq-vote")

    def pressed(useful: str, useless: str, said: str = "") -> None:
        expect(vote.nth(0)).to_have_attribute("aria-pressed", useful)
        expect(vote.nth(1)).to_have_attribute("aria-pressed", useless)
        if said:
            expect(reader.page.locator(".sq-toast")).to_have_text(said)

    reader.ask(QUESTION)
    pressed("false", "false")
    vote.nth(0).click()
    pressed("true", "false", texts.THANKS)
    [kept] = feedback.read()
    assert (kept.question, kept.useful, kept.link) == (QUESTION, True, citation.link)
    reader.page.reload()
    pressed("true", "false")
    reader.ask(QUESTION)
    pressed("true", "false")
    vote.nth(1).click()
    pressed("false", "true", texts.THANKS)
    assert [kept.useful for kept in feedback.read()] == [False]
    vote.nth(1).click()
    pressed("false", "false", texts.TAKEN_BACK)
    assert feedback.read() == ()


def test_a_citation_is_copied_in_every_form(reader: Reader, library: Index, server: Server) -> None:
    reader.ask(QUESTION)
    citation = library.search(QUESTION).results[0].citation
    copied = {}
    for name in (texts.COPY_PLAIN, texts.COPY_MARKDOWN, texts.COPY_BIBTEX, texts.COPY_LINK):
        reader.page.evaluate("navigator.clipboard.writeText('')")
        menu = reader.card(1).locator(".sq-menu")
        menu.locator("summary").click()
        menu.get_by_role("button", name=name, exact=True).click()
        expect(reader.page.locator(".sq-toast")).to_have_text(texts.COPIED)
        expect(menu.locator("summary")).to_be_focused()
        copied[name] = reader.page.evaluate("navigator.clipboard.readText()")
    assert citation.evidence in copied[texts.COPY_PLAIN]
    assert copied[texts.COPY_MARKDOWN].startswith("> ")
    assert copied[texts.COPY_BIBTEX].startswith("@misc{")
    address = urlsplit(copied[texts.COPY_LINK])
    assert f"{address.scheme}://{address.netloc}/" == f"{server.url}/"
    assert parse_qs(address.query) == {"open": [citation.link]}


def _tab_to(reader: Reader, name: str) -> None:
    """Press Tab until an element of that name has focus; focus is to be seen on the way."""
    for _ in range(60):
        reader.page.keyboard.press("Tab")
        found = reader.page.evaluate(_FOCUSED)
        assert found["outline"] not in ("none", "0px"), found
        if found["name"] == name:
            return
    raise AssertionError(f"{name} is not reached with Tab")


_FOCUSED = """() => {
    const element = document.activeElement, style = getComputedStyle(element);
    const text = element === document.body ? 'body' : element.innerText?.replace(/\\s*▾?\\s*$/, '');
    return {name: text || element.ariaLabel || element.tagName.toLowerCase(),
            outline: style.outlineStyle === 'none' ? 'none' : style.outlineWidth};
}"""
"""What has focus, and how it is outlined."""


def test_everything_can_be_done_with_the_keyboard(reader: Reader) -> None:
    keyboard = reader.page.keyboard
    keyboard.type(QUESTION)
    with reader.answered(QUESTION):
        keyboard.press("Enter")
    _tab_to(reader, texts.SKIP)
    keyboard.press("Enter")
    _tab_to(reader, f"{texts.WHY} {reader.cards()[0]['confidence']}")
    keyboard.press("Enter")
    expect(reader.card(1).locator(".sq-why-box li").first).to_be_visible()
    _tab_to(reader, texts.OPEN)
    keyboard.press("Enter")
    expect(reader.context).to_be_visible()
    _tab_to(reader, texts.NEXT_HIT_SIGN)
    keyboard.press("Enter")
    expect(reader.context).to_have_attribute("data-rank", "2")
    _tab_to(reader, texts.CLOSE)
    keyboard.press("Escape")
    expect(reader.context).to_have_count(0)
    _tab_to(reader, texts.COPY)
    keyboard.press("Enter")
    _tab_to(reader, texts.COPY_MARKDOWN)
    keyboard.press("Escape")
    expect(reader.card(1).locator(".sq-menu > div")).to_be_hidden()
    expect(reader.card(1).locator(".sq-menu summary")).to_be_focused()
    _tab_to(reader, texts.VERIFY)
    keyboard.press("Enter")
    expect(reader.page.locator(".sq-toast")).to_contain_text("verified: handbook/")
    keyboard.press("/")
    expect(reader.box).to_be_focused()
    keyboard.press("/")
    expect(reader.box).to_have_value(f"{QUESTION}/")


def test_every_stop_of_the_tab_key_can_be_seen(reader: Reader) -> None:
    reader.ask(QUESTION)
    stops: list[dict[str, str]] = []
    while not stops or stops[-1]["name"] != "textarea":
        reader.page.keyboard.press("Tab")
        stops.append(reader.page.evaluate(_FOCUSED))
        assert len(stops) < 100
    assert [stop["name"] for stop in stops].count("body") == 1  # between the end of the page and its beginning
    assert [stop for stop in stops if stop["outline"] in ("none", "0px") and stop["name"] != "body"] == []
    named = {stop["name"] for stop in stops}
    assert {texts.ASK_TAB, texts.INDEX_TAB, texts.OPEN, texts.COPY, texts.VERIFY, texts.MORE, texts.FORGET} <= named


def test_hostile_documents_and_questions_stay_text(reader: Reader, library: Index, server: Server) -> None:
    for question, name in (
        ("What does the quokka wear on its hat?", f"extra/{HOSTILE_NAME}"),
        ("What does the wombat wear on its hat?", "extra/hostile.md"),
    ):
        reader.ask(question)
        answer = library.search(question)
        assert answer.results[0].citation.source == name
        assert reader.cards() == expected_cards(answer)
        reader.open(1)
        source = library.open_passage(answer.results[0].citation.link).text
        assert HOSTILE.strip().splitlines()[1] in source
        assert reader.context.locator(".sq-source").text_content() == source
        reader.page.keyboard.press("Escape")
        expect(reader.context).to_have_count(0)
    question = f"{HOSTILE[:-1]} ${{alert(1)}}?".replace("\n", " ")
    reader.ask(question)
    assert reader.page.locator("#sq-heading").text_content() == question
    chips = reader.page.locator("#sq-recent-list .sq-chip")
    assert chips.first.text_content() == question
    reader.ask("quokka")
    with reader.answered(question):
        chips.nth(1).click()
    reader.page.get_by_label(texts.GROUP).check()
    expect(reader.page.locator(".sq-group").first).to_be_attached()
    reader.go_to_index()
    reader.page.get_by_label(texts.FIND_DOCUMENT).fill("onerror=")
    expect(reader.page.locator("#sq-listing caption")).to_have_text("1 file")
    assert reader.page.locator("#sq-listing .sq-path").all_text_contents() == [f"extra/{HOSTILE_NAME}"]
    reader.page.get_by_role("tab", name=texts.ASK_TAB).click()
    only = reader.page.locator("#sq-documents input")
    only.fill("onerror")
    options = reader.page.get_by_role("option")
    expect(options).to_have_count(1)
    assert HOSTILE_NAME in (options.text_content() or "")
    options.click()
    reader.ask("quokka")
    assert asked_of(reader)["documents"] == [f"extra/{HOSTILE_NAME}"]
    only.fill("<script>*")
    only.press("Enter")
    reader.ask("quokka")
    assert asked_of(reader)["documents"] == [f"extra/{HOSTILE_NAME}", "<script>*"]
    assert reader.page.evaluate("document.querySelectorAll('#sq-results :is(script, img, iframe, a, svg)').length") == 0


@pytest.mark.parametrize(
    "query", ["?q=What is a citation link?&open=seedqa:none", "?q=%3Cimg src=x onerror=alert(1)%3E"]
)
def test_an_address_is_no_way_in(desk: BrowserContext, server: Server, query: str) -> None:
    with reading(desk, server, query) as reader:
        expect(reader.results.locator("#sq-heading, .sq-problem")).to_be_visible()
        if "open=" in query:
            expect(reader.context.get_by_role("alert")).to_contain_text("is not a citation link")


def test_on_a_phone_the_source_covers_the_screen(browser: Browser, server: Server) -> None:
    with (
        window(browser, viewport=PHONE, has_touch=True, is_mobile=True) as phone,
        reading(phone, server) as reader,
    ):
        page = reader.page
        reader.ask(QUESTION)
        expect(page.locator("#sq-heading")).to_be_in_viewport()
        no_sideways = "document.documentElement.scrollWidth <= innerWidth"
        assert page.evaluate(no_sideways)
        button = reader.card(2).get_by_role("button", name=texts.OPEN)
        button.scroll_into_view_if_needed()
        before = page.evaluate("scrollY")
        reader.open(2)
        assert reader.context.bounding_box() == {"x": 0, "y": 0, **PHONE}
        expect(reader.context.locator("mark").first).to_be_in_viewport()
        assert page.evaluate(no_sideways)
        expect(page.locator("#sq-ask-button")).to_be_visible()
        assert page.evaluate("document.querySelector('#sq-ask-button').closest('[inert]') !== null")
        reader.context.get_by_role("button", name=texts.CLOSE).click()
        expect(reader.context).to_have_count(0)
        assert page.evaluate("document.querySelectorAll('[inert]').length") == 0
        assert page.evaluate("scrollY") == before
        reader.go_to_index()
        assert page.evaluate(no_sideways)


MODES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light"},
}


@pytest.mark.parametrize("mode", MODES)
def test_no_rule_of_accessibility_is_broken(browser: Browser, server: Server, mode: str) -> None:
    with window(browser, **MODES[mode]) as context, reading(context, server) as reader:
        background = reader.page.evaluate("getComputedStyle(document.querySelector('gradio-app')).backgroundColor")
        shade = sum(int(part) for part in re.findall(r"\d+", background)[:3]) / 3
        assert shade < 40 if mode == "dark" else shade > 240
        found = {"empty": reader.violations()}
        reader.ask(QUESTION)
        found["answer"] = reader.violations()
        reader.card(1).locator(".sq-menu summary").click()
        found["menu"] = reader.violations()
        reader.open(1)
        found["source"] = reader.violations()
        reader.page.keyboard.press("Escape")
        expect(reader.context).to_have_count(0)
        reader.ask(UNKNOWN)
        reader.page.locator("details.sq-weak > summary").click()
        found["not found"] = reader.violations()
        reader.box.fill("Something else?")
        expect(reader.outdated).to_be_visible()
        found["outdated"] = reader.violations()
        reader.go_to_index()
        reader.page.get_by_text(texts.MANIFEST).click()
        found["index"] = reader.violations()
        assert {state: broken for state, broken in found.items() if broken} == {}
