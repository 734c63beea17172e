"""Which module may import which: read from the code, so that a wrong arrow fails before it spreads."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def within(package: str, under: str = "index.load") -> set[str]:
    """Return the names of all modules of a package, of readers unless said otherwise."""
    folder = ROOT.joinpath(*under.split("."), package)
    return {f"{under}.{package}", *(f"{under}.{package}.{path.stem}" for path in folder.glob("[a-z]*.py"))}


LAYERS = (
    # index: a module imports from earlier layers, or from its own without a cycle
    {"index.records", "index.errors"},
    # index.load: the processes that read know nothing above it
    {"index.load", "index.load.limits", "index.load.walk", "index.load.sections", "index.load.clean"},
    {"index.load.assemble", "index.load.decode", "index.load.archive", "index.load.signatures", "index.load.ole"},
    {"index.load.plain", "index.load.markdown", "index.load.html", "index.load.detect", "index.load.join",
     "index.load.parts"},
    {"index.load.formats"},
    {*within("books"), *within("mail"), *within("office"), *within("pdf"), *within("tables")},
    {"index.load.read"},
    {"index.load.messages"},
    {"index.load.worker", "index.load.readers"},
    {
        "index.boxes", "index.split", "index.language", "index.analyse",
        "index.encode", "index.encode.cache", "index.encode.compiled", "index.encode.convert",
        "index.encode.models", "index.encode.openvino_backend", "index.encode.protocol", "index.encode.quiet",
        "index.encode.tokens", "index.encode.torch_backend", "index.vectors", "index.lexical", "index.store",
        "index.layout", "index.manifest", "index.intact", "index.arrays", "index.aside", "index.known",
        "index.postings", "index.remembered", "index.spool", "index.candidates",
        "index.compress",
    },
    {"index.address", "index.opened", "index.select", "index.snapshot", "index.examine", "index.lock", "index.compare",
     "index.journal"},
    {"index.engine"},
    {"index.gather"},
    {"index.prepare"},
    {"index.builder"},
    {"index.texts", "index.folder"},
    {"index.spread", "index.spread.parcel", "index.spread.worker", "index.spread.pool", "index.spread.readers",
     "index.spread.encoder", "index.spread.cluster"},
    {*within("milvus", "index")},
    {"index"},
    # qa
    {"qa.answer", "qa.ranking", "qa.confidence", "qa.pace", "qa.interrupts"},
    {"qa.evidence", "qa.rank", "qa.citation", "qa.config", "qa.calibration", "qa.question", "qa.examples",
     "qa.holdings", "qa.export", "qa.feedback", "qa.guard"},
    {"qa.cite", "qa.sources", "qa.catalogs"},
    {"qa.assess", "qa.context"},
    {"qa.engine"},
    {*within("evaluate", "qa")},
    {*within("calibrate", "qa")},
    {"qa.rebuild", "qa.watch"},
    {"qa"},
    {"qa.page.records", "qa.page.texts", "qa.page.bounds", "qa.page.pictures", "qa.page.cards", "qa.page.listings",
     "qa.page.service", "qa.page.streams", "qa.page.discretion", "qa.page.uploads", "qa.page.questions",
     "qa.page.events", "qa.page.policy", "qa.page.server", "qa.page.signatures"},
    {"qa.page.asked", "qa.page.endpoints", "qa.page.admission", "qa.page.front", "qa.page.probes"},
    {"qa.page.metrics"},
    {"qa.page.watch"},
    {"qa.page.app"},
    {"qa.page.serve"},
    {"qa.page"},
    {"qa.show", "qa.options"},
    {"qa.maintenance", "qa.evaluation_commands", "qa.calibration_commands", "qa.transfer_commands"},
    {"qa.cli"},
    {"qa.start"},
)  # fmt: skip

HOMES = {
    "faiss": {"index.vectors", "index.candidates", "index.compress"},
    "pymilvus": within("milvus", "index"),
    "grpc": {"index.milvus.client"},
    "ray": {"index.spread.cluster", "index.spread.pool"},
    "openvino": {"index.encode.compiled", "index.encode.openvino_backend", "index.encode.convert"},
    "nncf": {"index.encode.convert"},
    "torch": {"index.encode.convert", "index.encode.torch_backend"},
    "sentence_transformers": {"index.encode.convert", "index.encode.torch_backend"},
    "tokenizers": {"index.encode.tokens"},
    "sentencex": {"index.split"},
    "Stemmer": {"index.analyse"},
    "py3langid": {"index.language"},
    "lxml": {
        "index.load.html",
        "index.load.parts",
        "index.load.books.epub",
        "index.load.books.opf",
        "index.load.mail.message",
        "index.load.mail.text",
        *within("office"),
        *within("tables"),
    },
    "docx": {"index.load.office.docx", "index.load.office.wordstyles"},
    "pptx": {"index.load.office.pptx", "index.load.office.slideparts"},
    "pypdfium2": {"index.load.pdf.document", "index.load.pdf.pdfium"},
    "PIL": {"index.load.pdf.ocr"},
    "xlrd": {"index.load.tables.sheet_xls"},
    "email": {"index.load.mail.headers", "index.load.mail.message", "index.load.mail.parts", "index.load.mail.text"},
    "zipfile": {"index.load.archive", "index.load.detect", "index.load.office.package"},
    "yaml": {"index.load.markdown"},
    "markdown_it": {"index.load.markdown"},
    "charset_normalizer": {"index.load.decode"},
    "psutil": {"index.load.readers"},
    "subprocess": {"index.load.readers", "index.encode.cache", "index.encode.models"},
    "sqlite3": {"index.store", "index.lexical", "index.postings", "index.lock", "index.journal"},
    "platformdirs": {"qa.config"},
    "click": {
        "qa.cli",
        "qa.options",
        "qa.maintenance",
        "qa.evaluation_commands",
        "qa.calibration_commands",
        "qa.transfer_commands",
    },
    "rich": {"qa.show"},
    "matplotlib": {"qa.calibrate.plots", "qa.evaluate.plots"},
    "sklearn": {"qa.calibrate.fit"},
    "scipy": {"qa.evaluate.abstention", "qa.evaluate.compare", "qa.evaluate.measures"},
    "watchfiles": {"qa.watch"},
    "multiprocessing": {"qa.rebuild", "qa.interrupts"},
    "ir_measures": {"qa.evaluate.measures", "qa.evaluate.votes"},
    "gradio": {"qa.page.app", "qa.page.endpoints"},
    "fastapi": {"qa.page.app"},
    "uvicorn": {"qa.page.serve", "qa.page.server"},
    "prometheus_client": {"qa.page.metrics"},
    "logging": {"qa.page.events", "qa.page.endpoints", "index.encode.convert", "index.milvus.client"},
    "markupsafe": {"qa.page.cards", "qa.page.listings", "qa.page.pictures"},
}
"""The only modules that may know a library."""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for package in ("index", "qa") for path in sorted((ROOT / package).rglob("*.py"))}


def imported(name: str, *, eager: bool = False) -> Iterator[str]:
    """Yield the full name of each module that a module imports, ``eager``ly or at all."""
    tree = ast.parse(MODULES[name].read_text("utf-8"))
    nodes = list(ast.walk(tree))
    if eager:
        inside = {id(n) for node in nodes if isinstance(node, ast.FunctionDef) for n in ast.walk(node)}
        nodes = [node for node in nodes if id(node) not in inside]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: imports are absolute"
            assert node.module
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


def arrows(name: str, *, eager: bool = False) -> set[str]:
    """Return the modules of ours that a module imports."""
    return {found for found in imported(name, eager=eager) if found in MODULES}


def test_every_module_has_its_layer_and_only_one() -> None:
    listed = [name for layer in LAYERS for name in layer]
    assert len(listed) == len(set(listed))
    assert set(MODULES) - set(listed) == set()


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_imports_from_earlier_layers_or_its_own(name: str) -> None:
    place = {module: at for at, layer in enumerate(LAYERS) for module in layer}
    assert {found for found in arrows(name) if place[found] > place[name]} == set()


@pytest.mark.parametrize("name", [name for name in sorted(MODULES) if name.partition(".")[0] == "index"])
def test_index_knows_nothing_of_qa(name: str) -> None:
    assert {found for found in imported(name) if found.partition(".")[0] == "qa"} == set()


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_library_stays_at_home(library: str) -> None:
    users = {name for name in MODULES if any(found.partition(".")[0] == library for found in imported(name))}
    assert users
    assert users <= HOMES[library]


def test_no_import_cycle() -> None:
    waiting = {name: arrows(name, eager=True) - {name} for name in MODULES}
    while free := [name for name, needs in waiting.items() if not needs & waiting.keys()]:
        for name in free:
            del waiting[name]
    assert waiting == {}


LATE = {"qa.start", "qa.cli", "qa.evaluation_commands", "qa.calibration_commands"}
"""Each command loads what it alone needs."""


def test_imports_inside_functions_are_for_what_loads_late() -> None:
    late = {name: sorted(set(imported(name)) - set(imported(name, eager=True))) for name in MODULES}
    assert {name: found for name, found in late.items() if found and name not in LATE} == {
        "index.encode.cache": ["index.encode.openvino_backend", "index.encode.torch_backend"],
        "index.encode.convert": ["nncf", "openvino"],
        "qa.page.serve": ["qa.page.app"],
    }


def test_modules_stay_small() -> None:
    long = {name: size for name, path in MODULES.items() if (size := len(path.read_text("utf-8").splitlines())) > 360}
    assert long == {}


def loaded_after(statement: str) -> set[str]:
    """Return the top-level modules that a statement loads into a fresh interpreter."""
    code = f"import sys; {statement}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    command = [sys.executable, "-P", "-W", "error", "-W", "ignore:builtin type:DeprecationWarning", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    assert done.stderr == ""
    return set(done.stdout.split())


HEAVY = {
    "gradio",
    "pymilvus",
    "grpc",
    "ir_measures",
    "ray",
    "watchfiles",
    "torch",
    "transformers",
    "sentence_transformers",
    "nncf",
    "openvino",
    "huggingface_hub",
    "scipy",
    "sklearn",
    "matplotlib",
    "pandas",
    "PIL",
    "pypdfium2",
    "docx",
    "pptx",
    "lxml",
    "markdown_it",
    "charset_normalizer",
}


@pytest.mark.parametrize("statement", ["import qa", "import index", "import qa.cli"])
def test_importing_us_loads_nothing_heavy(statement: str) -> None:
    assert loaded_after(statement) & HEAVY == set()
