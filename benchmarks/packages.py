"""Real documents for benchmarks.formats: which files of which Debian packages, and where their text stands as well.

The packages are fetched with ``apt-get download``, 58 MB in all as of Debian 12, and unpacked, not installed: each to
a folder of its own name. Another system reads such folders that were brought there.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.fidelity import NoReferenceError, reference_text, without_contents, words
from benchmarks.made import MAKERS

SUFFIXES = {"mail": ".eml", "text": ".txt", "markdown": ".md"}

_DEBIAN = "usr/share/doc"
_R = "usr/lib/R/site-library"
_REFERENCE = "usr/share/developers-reference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Files of one package in one format."""

    format: str
    package: str
    path: str
    """In the package; a pattern where it has ``*``. A name that ends in ``.gz`` is unpacked."""
    beside: str = ""
    """The same text in another file: its path in the package, or its suffix where it is called the same."""
    at: str = ""
    """The package of ``beside``, where it is another."""


def _manual(kind: str, folder: str, language: str) -> Sample:
    return Sample(
        format="epub" if kind == "epub" else "html" if kind == "html" else "odt",
        package=f"live-manual-{'odf' if kind == 'odt' else kind}",
        path=f"{_DEBIAN}/live-manual/{folder}/live-manual.{language}.{kind}",
        beside=f"{_DEBIAN}/live-manual/txt/live-manual.{language}.txt.gz",
        at="live-manual-txt",
    )


def _history(kind: str, language: str) -> Sample:
    name = f"{_DEBIAN}/debian-history/docs/project-history.{language}"
    return Sample(format=kind, package="debian-history", path=f"{name}.{kind}", beside=f"{name}.txt.gz")


def _debmake(kind: str, language: str) -> Sample:
    name = f"{_DEBIAN}/debmake-doc/debmake-doc.{language}"
    return Sample(format=kind, package="debmake-doc", path=f"{name}.{kind}", beside=f"{name}.txt.gz")


_POLICY = f"{_DEBIAN}/debian-policy"
_PREVISAT = "usr/share/Astropedia/PreviSat/doc/PreviSat"
_XLSX = f"{_DEBIAN}/xlsx2csv/examples/test"

SAMPLES = (
    Sample(format="pdf", package="debian-policy", path=f"{_POLICY}/policy.pdf.gz", beside=f"{_POLICY}/policy.txt.gz"),
    Sample(format="pdf", package="debian-policy", path=f"{_POLICY}/fhs/fhs-3.0.pdf.gz",
           beside=f"{_POLICY}/fhs/fhs-3.0.txt.gz"),
    Sample(format="pdf", package="developers-reference", path=f"{_REFERENCE}/developers-reference.pdf",
           beside=f"{_REFERENCE}/developers-reference.txt.gz"),
    *(_debmake("pdf", language) for language in ("en", "ja")),
    *(_history("pdf", language) for language in ("en", "de", "ru")),
    Sample(format="pdf", package="cvs", path=f"{_DEBIAN}/cvs/cvs-paper.pdf"),
    Sample(format="pdf", package="previsat", path=f"{_PREVISAT}_en.pdf", beside=".docx"),
    Sample(format="pdf", package="r-cran-genetics", path=f"{_R}/genetics/doc/genetics_article.pdf"),
    Sample(format="docx", package="previsat", path=f"{_PREVISAT}_*.docx"),
    Sample(format="docx", package="r-cran-officer", path=f"{_R}/officer/doc_examples/*.docx"),
    *(_manual("odt", "odt", language) for language in ("en", "de", "fr", "ja")),
    Sample(format="odt", package="writer2latex-manual", path=f"{_DEBIAN}/writer2latex/manual/user-manual.odt"),
    Sample(format="rtf", package="cvs", path=f"{_DEBIAN}/cvs/writeproxy.rtf.gz"),
    Sample(format="rtf", package="sc3-plugins-language",
           path="usr/share/SuperCollider/Extensions/SC3plugins/*/[Hh]elp/*.rtf"),
    Sample(format="pptx", package="r-cran-officer", path=f"{_R}/officer/doc_examples/example.pptx"),
    Sample(format="odp", package="python3-relatorio", path=f"{_DEBIAN}/python3-relatorio/examples/presentation.odp"),
    Sample(format="xlsx", package="xlsx2csv", path=f"{_XLSX}/*.xlsx", beside=".csv"),
    Sample(format="xlsx", package="r-cran-readxl", path=f"{_R}/readxl/extdata/*.xlsx"),
    Sample(format="xls", package="r-cran-readxl", path=f"{_R}/readxl/extdata/*.xls", beside=".xlsx"),
    Sample(format="ods", package="libreoffice-help-common", path="usr/share/libreoffice/help/media/files/scalc/*.ods"),
    Sample(format="ods", package="r-cran-rio", path=f"{_R}/rio/examples/mtcars.ods"),
    Sample(format="csv", package="ieee-data", path="usr/share/ieee-data/oui36.csv"),
    Sample(format="csv", package="ieee-data", path="usr/share/ieee-data/mam.csv"),
    Sample(format="csv", package="xlsx2csv", path=f"{_XLSX}/namespace.csv"),
    Sample(format="json", package="iso-codes", path="usr/share/iso-codes/json/iso_*.json"),
    Sample(format="epub", package="debian-policy", path=f"{_POLICY}/policy.epub", beside=f"{_POLICY}/policy.txt.gz"),
    Sample(format="epub", package="developers-reference", path=f"{_REFERENCE}/developers-reference.epub",
           beside=f"{_REFERENCE}/developers-reference.txt.gz"),
    _debmake("epub", "en"),
    *(_history("epub", language) for language in ("en", "ja")),
    *(_manual("epub", "epub", language) for language in ("en", "de")),
    Sample(format="mail", package="mailman3", path="usr/lib/python3/dist-packages/mailman/*/tests/data/*.eml"),
    Sample(format="mbox", package="inetsim", path="usr/share/inetsim/data/pop3/*.mbox"),
    Sample(format="text", package="debian-policy", path=f"{_POLICY}/policy.txt.gz"),
    Sample(format="text", package="developers-reference", path=f"{_REFERENCE}/developers-reference.txt.gz"),
    Sample(format="text", package="live-manual-txt", path=f"{_DEBIAN}/live-manual/txt/live-manual.*.txt.gz"),
    Sample(format="markdown", package="r-cran-officer", path=f"{_R}/officer/NEWS.md"),
    Sample(format="markdown", package="r-cran-rio", path=f"{_R}/rio/NEWS.md"),
    Sample(format="markdown", package="r-cran-readxl", path=f"{_R}/readxl/NEWS.md"),
    Sample(format="html", package="debian-policy", path=f"{_POLICY}/fhs/fhs-3.0.html",
           beside=f"{_POLICY}/fhs/fhs-3.0.txt.gz"),
    Sample(format="html", package="developers-reference", path=f"{_REFERENCE}/developers-reference.html",
           beside=f"{_REFERENCE}/developers-reference.txt.gz"),
    *(_manual("html", "html", language) for language in ("en", "ja")),
    Sample(format="html", package="r-cran-rio", path=f"{_R}/rio/doc/rio.html"),
)  # fmt: skip

PACKAGES = sorted({name for sample in SAMPLES for name in (sample.package, sample.at) if name})


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A document to be read, and what is known of its text."""

    format: str
    label: str
    file: Path
    made: bool
    reference: tuple[str, ...]
    """Words; none where there is no reference."""
    source: str
    """Of the reference, or why there is none."""


def fetch(folder: Path, packages: Sequence[str] = PACKAGES) -> list[str]:
    """Put the packages that are not there yet into ``folder``; return a line for each that could not be had.

    What a package says of itself is in its folder ``DEBIAN``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    problems = []
    for package in packages:
        if (folder / package).is_dir():
            continue
        print(f"fetching {package}", flush=True)
        with TemporaryDirectory(dir=folder, prefix=".") as name:
            scratch = Path(name)
            done = subprocess.run(
                ["apt-get", "download", package], check=False, cwd=scratch, capture_output=True, text=True
            )
            if done.returncode:
                why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
                problems.append(f"{package} was not fetched ({why}); where lists are old, apt-get update helps")
                continue
            (archive,) = scratch.glob("*.deb")
            subprocess.run(["dpkg-deb", "--raw-extract", str(archive), str(scratch / "files")], check=True)
            (scratch / "files").rename(folder / package)
    return problems


def _files_of(sample: Sample, folder: Path, scratch: Path) -> Iterator[tuple[Path, Path | None]]:
    """Yield the files of a sample, each with the file of the same text where there is one."""
    home = folder / sample.package
    for found in sorted(home.glob(sample.path)):
        file = _unpacked(found, scratch / sample.package)
        if not sample.beside:
            yield file, None
            continue
        twin = found.with_suffix(sample.beside) if sample.beside.startswith(".") else None
        twin = twin or (folder / sample.at if sample.at else home) / sample.beside
        yield file, _unpacked(twin, scratch / (sample.at or sample.package)) if twin.is_file() else None


def _unpacked(file: Path, scratch: Path) -> Path:
    """Return a file, or what is within it where it is compressed, written to ``scratch``."""
    if file.suffix != ".gz":
        return file
    target = scratch / file.stem
    if not target.exists():
        scratch.mkdir(parents=True, exist_ok=True)
        with gzip.open(file) as source, target.open("wb") as out:
            shutil.copyfileobj(source, out)
    return target


def real_items(folder: Path, scratch: Path, chosen: Sequence[str]) -> list[Item]:
    """Return the documents of the packages that are in ``folder``; say which are not."""
    items = []
    for sample in SAMPLES:
        if sample.format not in chosen:
            continue
        found = list(_files_of(sample, folder, scratch))
        if not found:
            print(f"not there: {sample.path} of {sample.package}")
        for file, twin in found:
            try:
                text, means = reference_text(twin or file)
                text = without_contents(text) if twin and means == "itself" else text
                source = (twin.name if means == "itself" else f"{twin.name} by {means}") if twin else means
            except NoReferenceError as error:
                text, source = "", f"none: {error}"
            items.append(Item(format=sample.format, label=f"{sample.package}: {file.name}", file=file, made=False,
                              reference=tuple(words(text)), source=source))  # fmt: skip
    return items


def made_item(name: str, scratch: Path) -> Item:
    """Make a document of a format."""
    data, text = MAKERS[name]()
    file = scratch / f"made{SUFFIXES.get(name, f'.{name}')}"
    file.write_bytes(data)
    return Item(format=name, label=f"made: {file.name}", file=file, made=True, reference=tuple(words(text)),
                source="what was written")  # fmt: skip
