"""Every word that the page says, in one place, so that it can be said in another language."""

from __future__ import annotations

from collections.abc import Sequence

from index.analyse import language_name
from index.builder import STAGES
from qa.answer import Answer, Result, named
from qa.calibration import InForce
from qa.confidence import error_rates
from qa.pace import time_left
from qa.page.records import AddedFiles, EarlierSnapshot
from qa.rebuild import BuildState

TITLE = "SeedQA"
TAGLINE = "Answers from your own documents, word for word"

ASK_TAB, INDEX_TAB = "Ask", "Index"

QUESTION = "Your question"
QUESTION_HINT = "Ask in a sentence, then press Enter"
ASK = "Ask"
K = "Passages"
DOCUMENTS = "Only in these documents (* and ? allowed)"
GROUP = "Group by document"
ASK_FORM = "Ask a question"
THRESHOLD = "“Not found” below"

EXAMPLES = "Try one of these"
RECENT = "Recent questions"
FORGET = "Forget them"

NOT_ASKED = "What was asked can't be read; ask again."
NO_ANSWER = "The server did not answer; see whether it is still running."
JSON_FILE, MARKDOWN_FILE = "answer.json", "answer.md"
SEARCHING = "Searching …"
NOTE = "Note: {}"
NOT_FOUND = "Not found in these documents"
WEAK = "Weak candidates"
WEAKER = "Weaker passages"
OUTDATED_ASKED = "The question or an option has changed since these results."
OUTDATED_INDEX = "The index has changed since these results."
ASK_AGAIN = "Ask again"
MORE = "Show more passages"
EXPORT_MARKDOWN, EXPORT_JSON = "Export as Markdown", "Export as JSON"
LEGEND_EVIDENCE = "the sentence that answers best"
LEGEND_HIT = "a word of your question"
NO_CONTEXT = "This passage can't be opened"
EMPTY = "Ask a question to see passages from your documents here."

OPEN = "Open in context"
COPY = "Copy citation"
COPY_PLAIN, COPY_MARKDOWN, COPY_BIBTEX, COPY_LINK = "Plain text", "Markdown", "BibTeX", "Link to this passage"
COPIED = "Copied"
NOT_COPIED = "The browser did not allow copying"
VERIFY = "Verify again"
USEFUL, USELESS = "Answers it", "Does not answer it"
THANKS = "Noted for the evaluation set"
TAKEN_BACK = "Vote taken back"
WHY = "Confidence"

SKIP = "Skip to the answer"

CLOSE = "Close"
PREVIOUS_HIT, NEXT_HIT = "Previous passage", "Next passage"
PREVIOUS_HIT_SIGN, NEXT_HIT_SIGN = "‹", "›"
CONTEXT = "Source"
ZOOM = "Enlarge"
TO_PAGE, TO_TEXT = "To the page", "To the text"
EXTRACTED = "The text as it was read"
BELOW = "The text as it was read is below."
CUT_BEFORE, CUT_AFTER = "… {count:,} characters before this", "… {count:,} characters after this"

STATES = {"verified": "✔", "source changed": "≠", "source missing": "✘"}
"""The sign beside each state of a citation; the word stands with it."""

STATUS_SIGNS = {"current": "✔", "changed": "≠", "missing": "✘", "new": "+"}

SNAPSHOT = "Snapshot in force"
IN_FORCE = "snapshot"
OF_FILES = "{left_out:,} of {files}"
ID, BUILT, SEEDS, HOLDS, MODEL, WATCHED = "Id", "Built", "Folder", "Holds", "Model", "Watched"
NOT_WATCHED = "no; qa serve --watch rebuilds when documents change"
COLUMNS = ("Document", "Status", "Bytes", "Passages", "Changed (UTC)")
REASON_COLUMNS = ("File", "Reason")
COPY_COLUMNS = ("Copy", "Indexed with")
NOTE_COLUMNS = ("Document", "Note")
ADDED, CHANGED, REMOVED, SETTING = "added", "changed", "removed", "setting"
DOCUMENT_LIST = "Documents"
FIND_DOCUMENT = "Find a document"
FIND_DOCUMENT_HINT = "Part of a path, title or status"
NO_DOCUMENT = "No document matches."
COVERAGE = "Left out"
COVERAGE_NONE = "No file was left out when this snapshot was built."
COVERAGE_NOTES = "Notes on documents that are indexed"
MANIFEST = "Manifest"
CHANGE_INDEX = "Change the index"
READ_ONLY = "This page was started with --read-only: the index can be looked at, not changed."
ADD_FILES = "Add files to the folder"
FORMATS = (
    "Text, Markdown, HTML, PDF, Word, PowerPoint, Excel, OpenDocument, RTF, CSV, JSON, EPUB, mail (EML, MBOX), "
    "and ZIP archives of these can be read."
)
REFUSED = "Not added"
FOLDER = "Read another folder"
FOLDER_HINT = "A path on this computer; empty means the folder in use"
REBUILD, CANCEL = "Rebuild the index", "Cancel"
BUILD_NONE = "Nothing has been rebuilt since this page was started."
DIFFERENCE = "Changes since snapshot"
NO_DIFFERENCE = "No document and no setting has changed."
EARLIER = "Earlier snapshots"
RESTORE = "Put back in force"
WATCHING = "yes: changes are indexed by themselves"

FAILED = "this failed; the log of the server, or its error output, says why"
UNFIT = "what was sent is not of the kind that is expected; the endpoints are described in /gradio_api/info"
NO_ENDPOINT = "there is no endpoint of that name; /gradio_api/info lists them"
ENDING = "the server is being stopped; ask again when it is back"
BUSY = "too many calls are waiting already; try again in a moment"

STAGE_NAMES = dict(
    zip(
        ("prepare", *STAGES[:-1], "send", *STAGES[-1:]),
        (
            "Preparing the model",
            "Finding files",
            "Reading documents",
            "Encoding sentences",
            "Sorting vectors",
            "Counting words",
            "Writing the snapshot",
            "Checking it",
            "Sending it",
            "Putting it in force",
        ),
        strict=True,
    )
)


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def when(moment: str) -> str:
    """Return a moment of ISO 8601 in UTC as people write it."""
    return f"{moment[:10]} {moment[11:16]} UTC"


def first_shown(name: str, shown: int, total: int) -> str:
    """Return the name of a table with how much of it is shown."""
    return name if shown >= total else f"{name}, the first {shown:,} shown"


def reads(model: str, languages: Sequence[str]) -> str:
    """Return a model and the languages that it reads."""
    named = ", ".join(map(language_name, languages)) or "languages that its card does not name"
    return f"{model}, reads {named}"


def earlier(snapshot: EarlierSnapshot) -> str:
    """Return what an earlier snapshot holds."""
    return f"{count(snapshot.documents, 'document')}, in force {when(snapshot.published)}"


def found(answer: Answer) -> str:
    """Return what the live region says of an answer."""
    if not answer.found:
        return f"{NOT_FOUND}. {count(len(answer.results), 'weak candidate')} below."
    strong = sum(result.confidence >= answer.threshold for result in answer.results)
    return f"{count(strong, 'passage')} found, best confidence {answer.confidence:.2f}."


def refusal(answer: Answer) -> str:
    """Return why an answer is "not found"."""
    return (
        f"The best passage has a confidence of {answer.confidence:.2f}; an answer needs {answer.threshold:.2f}. "
        "The documents may still hold one in quite other words."
    )


def threshold_meaning(threshold: float, calibrated: InForce) -> str:
    """Return what a threshold means, with the error rates measured for the calibration in force."""
    rates = error_rates(threshold, calibrated.rates)
    begins = "At" if rates.threshold == threshold else "The nearest threshold that was measured: at"
    fitted = calibrated.calibration
    asked = f"{fitted.questions:,} questions of {fitted.fitted_on}" if fitted else "1,190 questions of the XQuAD set"
    far = "" if rates.far is None else f", and {rates.far:.1%} where it does not"
    return (
        f"{begins} a threshold of {rates.threshold:.2f}, on {asked}: of questions whose "
        f"answer is in the index {rates.missed:.1%} are refused; of those without one, {rates.near:.1%} get through "
        f"where the index knows their topic{far}."
    )


def reasons(result: Result) -> tuple[str, ...]:
    """Return the parts of a confidence in words."""
    if result.closeness >= 6:
        closeness = "very close in meaning"
    elif result.closeness >= 4:
        closeness = "close in meaning"
    elif result.closeness >= 2:
        closeness = "loosely related in meaning"
    else:
        closeness = "hardly related in meaning"
    return (
        f"Nearest sentence: {closeness} to the question (cosine {result.cosine:.2f}, "
        f"{result.closeness:.1f} standard deviations above unrelated sentences).",
        f"Words in the passage, its title and headings: {result.coverage:.0%} of the question, rare ones count more.",
        f"Words in the marked sentence: {result.evidence_coverage:.0%} of the question.",
        f"Order: score {result.score:.3f}, which compares the passages of this question only.",
    )


def page_number(number: int) -> str:
    """Return which page of a document one is."""
    return f"Page {number:,}"


def page_of(number: int, title: str, *, marked: bool) -> str:
    """Return what the picture of a page shows."""
    return f"{page_number(number)} of {title}{'; the passage is marked' if marked else ''}"


def not_drawn(reason: str) -> str:
    """Return why the pages of a passage are not shown."""
    return f"{reason}. {BELOW}"


def pages_left(count: int) -> str:
    """Return that a passage goes over more pages than are shown, if there are any."""
    if not count:
        return ""
    pages = "page is" if count == 1 else f"{count:,} pages are"
    return f"The passage goes over more pages: {pages} not shown. {BELOW}"


def copies(number: int) -> str:
    """Return that files are indexed under the name of another."""
    return f"{number:,} {'copy' if number == 1 else 'copies'} of documents that are indexed"


def also(copies: Sequence[str]) -> str:
    """Return the other paths of a document, a few of them by name."""
    return f"also as {named(copies)}"


def progress(state: BuildState) -> str:
    """Return how far a build is, in words."""
    stage = STAGE_NAMES.get(state.stage, "Starting")
    done = f": {state.done:,} of {state.total:,}" if state.total else ""
    left = f", {time_left(state.left)} left" if state.left else ""
    return f"{stage}{done}{left} ({state.seconds:.0f} s)"


def outcome(state: BuildState) -> str:
    """Return what became of a build."""
    if state.outcome == "failed":
        return f"The rebuild failed: {state.message}"
    if state.outcome == "cancelled":
        return f"The rebuild was cancelled; {state.message or 'it changed nothing'}."
    report = state.report
    if report is None:
        return BUILD_NONE
    return (
        f"Indexed {count(report.documents, 'document')}, {count(report.passages, 'passage')}, "
        f"{count(report.sentences, 'sentence')} ({count(report.reused, 'vector')} reused) in {state.seconds:.1f} s."
    )


def started(state: BuildState) -> str:
    """Return that a build has begun."""
    return f"Rebuilding from {state.seeds}. Questions are answered from the snapshot in force meanwhile."


def restored(snapshot: str) -> str:
    """Return that a snapshot is back in force."""
    return f"Snapshot {snapshot} is back in force."


def added(files: AddedFiles) -> str:
    """Return what became of files that were sent."""
    if not files.added:
        return f"No file was added to {files.folder}."
    added = f"Added {count(len(files.added), 'file')} to {files.folder}."
    return f"{added} Rebuild to index them; what can't be read is listed then."


IN_BROWSER = {
    "searching": SEARCHING,
    "noAnswer": NO_ANSWER,
    "busy": BUSY,
    "jsonFile": JSON_FILE,
    "markdownFile": MARKDOWN_FILE,
    "form": ASK_FORM,
    "title": TITLE,
    "skip": SKIP,
    "copied": COPIED,
    "notCopied": NOT_COPIED,
    "thanks": THANKS,
    "takenBack": TAKEN_BACK,
    "outdatedAsked": OUTDATED_ASKED,
    "outdatedIndex": OUTDATED_INDEX,
    "signs": STATES,
}
"""What the browser itself says."""
