"""Real questions with their answers, from FAQs in Debian packages, as a BEIR folder: ``benchmarks/out/faq``.

``python -m benchmarks.faq`` fetches the packages of ``SOURCES`` as benchmarks.packages does, and writes
``corpus.jsonl``, ``queries.jsonl``, ``qrels/test.tsv`` and ``sources.json`` (package, version and licence of every
document). A document is one answer under the name of its FAQ; its question is left out of the text and is the query.
The confidence that ships was fitted on it (docs/confidence.md). No sentence of it is part of this project.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.packages import fetch
from index.errors import SeedQAError
from index.load.html import extract_html
from index.load.limits import Limits

OUT = Path(__file__).parent / "out"
SHORTEST = 80
"""Characters of an answer, without addresses."""
POINTER = 200
"""Characters of an answer that begins with "See" and is taken for a mere pointer."""

_DOC = "usr/share/doc"
_NUMBER = re.compile(r"^\s*(?:[(\[]?(?:FAQ|[A-Z]\.?)?\s?\d+[a-z]?(?:\.\d+[a-z]?)*[.):\]]{0,2}|Q:)\s+")
_ANSWER = re.compile(r"^(?:Short )?(?:Answer|A): ?", re.IGNORECASE)
_ADDRESS = re.compile(r"<?\b(?:https?|ftp)://\S+|\bwww\.\S+")
_POINTS = re.compile(r"(?:Please )?(?:see|refer|read|check|have a look|look|ditto|same)\b", re.IGNORECASE)
_FORMAT = re.compile(r"[BCEFILSXZ]<<+ (.*?) >>+|[BCEFILSXZ]<([^<>]*)>", re.DOTALL)
_ESCAPES = {"lt": "<", "gt": ">", "verbar": "|", "sol": "/"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A FAQ: where it is, what it is called, and under what it may be used."""

    package: str
    title: str
    paths: tuple[str, ...]
    """Patterns below the package's own folder of documentation, or of the package where they begin with ``usr``."""
    licence: str
    """Of the FAQ, as read in the package's copyright file."""


SOURCES = (
    Source(package="apache2-doc", title="SSL/TLS strong encryption: FAQ", licence="Apache-2.0",
           paths=("manual/en/ssl/ssl_faq.html",)),
    Source(package="borgbackup-doc", title="Borg FAQ", licence="BSD-3-Clause",
           paths=(f"{_DOC}/borgbackup/html/faq.html",)),
    Source(package="debian-faq", title="Debian FAQ", licence="permission notice of the Debian FAQ (copyleft)",
           paths=(f"{_DOC}/debian/FAQ/*.en.html",)),
    Source(package="fetchmail", title="Fetchmail FAQ", licence="GPL-2+ with OpenSSL exception",
           paths=("fetchmail-FAQ.html",)),
    Source(package="netcdf-doc", title="NetCDF FAQ", licence="BSD-3-Clause", paths=(f"{_DOC}/netCDF/html/faq.html",)),
    Source(package="nut-doc", title="Network UPS Tools FAQ", licence="GPL-2+", paths=("html/FAQ.html",)),
    Source(package="perl-doc", title="Perl FAQ", licence="GPL-1+ or Artistic",
           paths=("usr/share/perl/*/pod/perlfaq[1-9].pod", "usr/share/perl/*/pod/perlunifaq.pod")),
    Source(package="phpmyadmin", title="phpMyAdmin FAQ", licence="GPL-2", paths=("html/faq.html",)),
    Source(package="privoxy", title="Privoxy FAQ", licence="GPL-2+", paths=("faq/*.html",)),
    Source(package="python-celery-doc", title="Celery FAQ", licence="CC-BY-SA-4.0", paths=("html/faq.html",)),
    Source(package="python-scrapy-doc", title="Scrapy FAQ", licence="BSD-3-Clause", paths=("html/faq.html",)),
    Source(package="python3.11-doc", title="Python FAQ", licence="PSF-2.0",
           paths=(f"{_DOC}/python3.11/html/faq/*.html",)),
    Source(package="r-doc-html", title="R FAQ", licence="GPL-2", paths=("usr/share/R/doc/manual/R-FAQ.html",)),
    Source(package="shorewall-doc", title="Shorewall FAQ", licence="GFDL-1.2+", paths=("html/FAQ.htm",)),
    Source(package="swish-e", title="Swish-e FAQ", licence="GPL", paths=("html/swish-faq.html",)),
    Source(package="weechat-doc", title="WeeChat FAQ", licence="GPL-3+", paths=("html/weechat_faq.en.html",)),
    Source(package="xboard", title="XBoard FAQ", licence="GPL-3+", paths=("FAQ.html",)),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A question and its answer."""

    source: Source
    question: str
    answer: str


def read_source(source: Source, packages: Path) -> list[Pair]:
    """Return the questions and answers of a FAQ, in its order; ``packages`` holds a folder for each package.

    Questions that ask nothing, answers that are no more than a pointer, and repetitions are left out. Raises
    SeedQAError where a file of it is missing.
    """
    found: dict[str, str] = {}
    for pattern in source.paths:
        at = packages / source.package
        base = at if pattern.startswith("usr/") else at / _DOC / source.package
        files = sorted(base.glob(pattern))
        if not files:
            raise SeedQAError(f"{base / pattern} is not there; remove the folder of {source.package} and fetch it anew")
        for file in files:
            read = read_pod if file.suffix == ".pod" else read_page
            for question, answer in read(file.read_bytes()):
                if asks(question) and answers(answer) and answer not in found.values():
                    found.setdefault(question, answer)
    return [Pair(source=source, question=question, answer=answer) for question, answer in found.items()]


def read_page(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield each heading of a page that ends with a question mark, bare, and the text below it, blocks on lines."""
    page = extract_html(data, Limits())
    texts: dict[str, list[str]] = {}
    for block in page.blocks:
        headings = [heading for heading in block.section if bare(heading).endswith("?")]
        if headings and block.kind != "heading":
            texts.setdefault(headings[-1], []).append(page.text[block.start : block.end])
    for heading, blocks in texts.items():
        yield bare(heading), _ANSWER.sub("", "\n\n".join(blocks))


def read_pod(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the same of a page in Perl's POD, without its marks."""
    heading, blocks, skipping = "", list[str](), False
    for block in (*re.split(r"\n\s*\n", data.decode("utf-8")), "=head1 end"):
        command, _, rest = block.strip().partition(" ") if block.lstrip().startswith("=") else ("", "", block)
        if command.startswith("=head"):
            if heading.endswith("?"):
                yield heading, "\n\n".join(blocks)
            heading, blocks = bare(unmarked(rest)), []
        elif command in ("=begin", "=for"):
            skipping = command == "=begin"
        elif command == "=end":
            skipping = False
        elif command in ("", "=item") and not skipping and (text := unmarked(rest).strip("\n")):
            blocks.append(text)


def unmarked(text: str) -> str:
    """Return a paragraph of POD without its formatting codes; of a link only what it shows."""
    if text[:1] in " \t":
        return text  # code is verbatim

    def shown(match: re.Match[str]) -> str:
        inner = match[1] if match[1] is not None else match[2]
        if match[0][0] == "E":
            return _ESCAPES.get(inner, "")
        if match[0][0] in "XZ":
            return ""
        return inner.partition("|")[0] if match[0][0] == "L" else inner

    while (plain := _FORMAT.sub(shown, text)) != text:
        text = plain
    return text


def bare(heading: str) -> str:
    """Return a heading on one line, without the number before it and the sign of a link behind it."""
    return _NUMBER.sub("", " ".join(heading.split()), count=1).rstrip(" ¶#🔗").strip("“”\"' ")


def asks(question: str) -> bool:
    """Tell whether a heading asks something by itself: three words or more and a question mark."""
    return question.endswith("?") and len(question.split()) > 2 and not question.startswith(("…", "..."))


def answers(text: str) -> bool:
    """Tell whether a text says something itself, and does not only point elsewhere."""
    words = _ADDRESS.sub("", " ".join(text.split()))
    return len(words) >= SHORTEST and not (len(words) < POINTER and _POINTS.match(words))


def version_of(package: Path) -> str:
    """Return the version of an unpacked package. Raises SeedQAError where what it says of itself is missing."""
    control = package / "DEBIAN" / "control"
    lines = control.read_text("utf-8").splitlines() if control.is_file() else []
    versions = [line.partition(":")[2].strip() for line in lines if line.startswith("Version:")]
    if not versions:
        raise SeedQAError(f"{control} tells no version; remove the folder of {package.name} and fetch it anew")
    return versions[0]


def write_beir(folder: Path, packages: Path) -> int:
    """Write the BEIR folder and return the number of questions."""
    corpus, queries, judged, origins = [], [], ["query-id\tcorpus-id\tscore"], {}
    for source in SOURCES:
        version = version_of(packages / source.package)
        for number, pair in enumerate(read_source(source, packages), 1):
            ident = f"{source.package}-{number:03}"
            corpus.append(json.dumps({"_id": ident, "title": source.title, "text": pair.answer}, ensure_ascii=False))
            queries.append(json.dumps({"_id": f"q-{ident}", "text": pair.question}, ensure_ascii=False))
            judged.append(f"q-{ident}\t{ident}\t1")
            origins[ident] = {"package": source.package, "version": version, "licence": source.licence}
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    for name, lines in (("corpus.jsonl", corpus), ("queries.jsonl", queries), ("qrels/test.tsv", judged)):
        (folder / name).write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "sources.json").write_text(json.dumps(origins, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return len(queries)


def make(folder: Path = OUT / "faq") -> Path:
    """Return the folder, after fetching and writing it where it is not there yet.

    Raises SeedQAError where a package can't be fetched.
    """
    if not (folder / "sources.json").is_file():
        if problems := fetch(OUT / "packages", [source.package for source in SOURCES]):
            raise SeedQAError("; ".join(problems))
        print(f"{write_beir(folder, OUT / 'packages')} questions in {folder}")
    return folder


if __name__ == "__main__":
    make()
