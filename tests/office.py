"""Office documents made for tests, and what every reader's document must hold to."""

from __future__ import annotations

import io
import unicodedata
import zipfile
from collections.abc import Mapping

from index.records import Extract
from index.split import split
from tests.test_split import TOKENS, check

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"
WPS = "http://schemas.microsoft.com/office/word/2010/wordprocessingShape"
M = "http://schemas.openxmlformats.org/officeDocument/2006/math"
_SPACES = f'xmlns:w="{W}" xmlns:r="{R}" xmlns:mc="{MC}" xmlns:wps="{WPS}" xmlns:m="{M}"'
_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_TYPES = {"document": "document.main"}

Shown = tuple[str, str, str, str]


def shown(found: Extract) -> list[Shown]:
    """Return kind, place, section and text of each block, after a look at what holds for every document."""
    text, at = found.text, 0
    for block in found.blocks:
        assert not text[at : block.start].strip()
        assert at <= block.start < block.end
        at = block.end
    assert not text[at:].strip()
    odd = {c for c in text if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp", "Zs") and c not in " \n\t"}
    assert odd == set()
    check(found, split(found, "en", TOKENS, 40))
    return [
        (b.kind, found.places.locate(b.start, b.end).words, " › ".join(b.section), text[b.start : b.end])
        for b in found.blocks
    ]


def texts(found: Extract) -> list[str]:
    """Return the text of each block."""
    return [block[3] for block in shown(found)]


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    """Return a ZIP file of these parts."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return stream.getvalue()


def changed(data: bytes, changes: Mapping[str, str | bytes | None]) -> bytes:
    """Return a ZIP file with parts replaced, added, or, where they are None, taken out."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts: dict[str, str | bytes | None] = {name: archive.read(name) for name in archive.namelist()}
    parts.update(changes)
    return zipped({name: part for name, part in parts.items() if part is not None})


def docx_of(body: str, **parts: str) -> bytes:
    """Return a Word document whose ``w:body`` holds ``body``; other parts are named as in ``word/``: ``styles``."""
    made = {"document": f"<w:body>{body}</w:body>", **parts}
    kinds = {name: name.rstrip("0123456789") for name in made}
    overrides = "".join(
        f'<Override PartName="/word/{name}.xml" ContentType="{_WORD}.{_TYPES.get(kind, kind)}+xml"/>'
        for name, kind in kinds.items()
    )
    links = "".join(
        f'<Relationship Id="r{at}" Type="{R}/{kinds[name]}" Target="{name}.xml"/>' for at, name in enumerate(parts)
    )
    packages = "http://schemas.openxmlformats.org/package/2006"
    roots = {"header1": "hdr"}
    return zipped(
        {
            "[Content_Types].xml": f'<Types xmlns="{packages}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>',
            "_rels/.rels": f'<Relationships xmlns="{packages}/relationships">'
            f'<Relationship Id="d" Type="{R}/officeDocument" Target="word/document.xml"/></Relationships>',
            "word/_rels/document.xml.rels": f'<Relationships xmlns="{packages}/relationships">{links}</Relationships>',
            **{
                f"word/{name}.xml": f"<w:{roots.get(name, name)} {_SPACES}>{part}</w:{roots.get(name, name)}>"
                for name, part in made.items()
            },
        }
    )


def p(words: str, style: str = "", properties: str = "") -> str:
    """Return a paragraph of WordprocessingML with one run, or with the runs of ``words`` where it is XML."""
    style = f'<w:pStyle w:val="{style}"/>' if style else ""
    runs = words if words.startswith("<") else r(words)
    return f"<w:p><w:pPr>{style}{properties}</w:pPr>{runs}</w:p>"


def r(words: str, properties: str = "") -> str:
    """Return a run of WordprocessingML."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{words}</w:t></w:r>'
