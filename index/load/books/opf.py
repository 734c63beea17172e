"""The package of an e-book: what it is called, in which order its files are read, and what they are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from lxml import etree

from index.load.clean import author_of, day_of, one_line, title_of
from index.load.limits import Unreadable
from index.load.parts import Parts, beside

_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
_OPF = "{http://www.idpf.org/2007/opf}"
_OPS = "{http://www.idpf.org/2007/ops}"
_FONT_METHODS = frozenset(("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"))
_DATES = ("original-publication", "publication", "published", "creation", "")
"""Events of EPUB 2 that say when a book was written, the best first; EPUB 3 has no events."""

COVER, CONTENTS = "cover", "table of contents"
_AROUND = {"cover": COVER, "toc": CONTENTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the table of contents."""

    path: str
    """Of a file in the archive."""
    fragment: str
    """Of the place in the file, or empty for its beginning."""
    title: str
    depth: int
    """From 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What an e-book says of itself."""

    title: str
    author: str
    date: str
    spine: tuple[str, ...]
    """Paths of its files in reading order; empty where the book names a file that it does not list."""
    media_types: Mapping[str, str]
    navigation: str
    """Path of the file that is the table of contents, or empty."""
    around: Mapping[str, str]
    """Paths of files that are its cover or table of contents, and which of these."""
    entries: tuple[Entry, ...]


def read_package(parts: Parts) -> Package:
    """Return the package of an EPUB file. Raises Unreadable where it has none or its text is encrypted."""
    path = _package_path(parts)
    root = _root(parts, path)
    if root is None:
        raise Unreadable(f"damaged: no e-book, {path or 'its package'} is missing")
    items = {item.get("id", ""): item for item in root.iterfind("{*}manifest/{*}item")}
    paths = {name: resolved(parts, path, item.get("href", ""))[0] for name, item in items.items()}
    spine = tuple(paths.get(ref.get("idref", ""), "") for ref in root.iterfind("{*}spine/{*}itemref"))
    if not spine:
        raise Unreadable("damaged: no e-book, its package names no chapters")
    _refuse_encrypted(parts, spine)
    contents = [name for name, item in items.items() if "nav" in item.get("properties", "").split()]
    navigation = paths[contents[0]] if contents else ""
    around = dict(_guide(parts, path, root))
    entries: list[Entry] = []
    if navigation and (nav := _root(parts, navigation)) is not None:
        entries = list(_nav_entries(parts, navigation, nav))
        around |= dict(_landmarks(parts, navigation, nav))
    if not entries:
        entries = list(_ncx_entries(parts, paths, root, items))
    return Package(
        title=title_of(_main_title(root)),
        author=author_of(", ".join(_authors(root))),
        date=_date(root),
        spine=spine,
        media_types={paths[name]: item.get("media-type", "") for name, item in items.items()},
        navigation=navigation,
        around=around,
        entries=tuple(entries),
    )


def resolved(parts: Parts, base: str, href: str) -> tuple[str, str]:
    """Return path and fragment of a link in the file ``base``; books are not exact about upper and lower case."""
    link, _, fragment = href.partition("#")
    return parts.spelt(beside(base, unquote(link))) if link else base, unquote(fragment)


def _root(parts: Parts, path: str) -> etree._Element | None:
    """Return the root of a file as far as it can be read: what it says helps, but the chapters do without."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True, remove_comments=True)
    try:
        data = parts.read(path)
        return etree.fromstring(data, parser) if data else None
    except (Unreadable, etree.XMLSyntaxError):
        return None


def _package_path(parts: Parts) -> str:
    container = _root(parts, _CONTAINER)
    roots = [] if container is None else [root.get("full-path", "") for root in container.iter("{*}rootfile")]
    if roots and roots[0]:
        return resolved(parts, "", roots[0])[0]
    return min((name for name in parts if name.endswith(".opf")), default="")


def _refuse_encrypted(parts: Parts, spine: tuple[str, ...]) -> None:
    root = _root(parts, _ENCRYPTION)
    for locked in root.iter("{*}EncryptedData") if root is not None else ():
        methods = {method.get("Algorithm", "") for method in locked.iterfind("{*}EncryptionMethod")}
        targets = {resolved(parts, "", target.get("URI", ""))[0] for target in locked.iter("{*}CipherReference")}
        if not methods <= _FONT_METHODS and targets & set(spine):
            raise Unreadable("encrypted: copy protection (DRM) locks its text; use a copy without it")


def words_of(element: etree._Element | None) -> str:
    """Return all words of an element on one line."""
    return "" if element is None else one_line("".join(element.itertext()))


def _refined(root: etree._Element, wanted: str) -> dict[str, str]:
    """Return what EPUB 3 says about other elements: their id to the value of property ``wanted``."""
    return {
        meta.get("refines", "").lstrip("#"): words_of(meta)
        for meta in root.iterfind("{*}metadata//{*}meta")
        if meta.get("property") == wanted and meta.get("refines")
    }


def _main_title(root: etree._Element) -> str:
    titles = list(root.iterfind("{*}metadata//{*}title"))
    kinds = _refined(root, "title-type")
    main = [title for title in titles if kinds.get(title.get("id", "")) == "main"]
    return words_of((main or titles)[0]) if titles else ""


def _authors(root: etree._Element) -> list[str]:
    """Return who wrote the book; where roles are given, without editors, translators and others."""
    roles = _refined(root, "role")
    named = [
        (words_of(creator), creator.get(f"{_OPF}role") or roles.get(creator.get("id", "")) or "aut")
        for creator in root.iterfind("{*}metadata//{*}creator")
    ]
    authors = [name for name, role in named if name and role == "aut"]
    return list(dict.fromkeys(authors or [name for name, _ in named if name]))


def _date(root: etree._Element) -> str:
    """Return the day of the book. Calibre writes the year 101 where it knows none."""
    dates: dict[str, str] = {}
    for date in root.iterfind("{*}metadata//{*}date"):
        dates.setdefault(date.get(f"{_OPF}event", ""), day_of(words_of(date)))
    return next((dates[event] for event in _DATES if dates.get(event, "") > "0102"), "")


def _guide(parts: Parts, path: str, root: etree._Element) -> Iterator[tuple[str, str]]:
    for reference in root.iterfind("{*}guide/{*}reference"):
        if kind := _AROUND.get(reference.get("type", "").lower()):
            yield resolved(parts, path, reference.get("href", ""))[0], kind


def _landmarks(parts: Parts, path: str, nav: etree._Element) -> Iterator[tuple[str, str]]:
    for landmarks in nav.iter("{*}nav"):
        if "landmarks" in landmarks.get(f"{_OPS}type", "").split():
            for link in landmarks.iter("{*}a"):
                if kind := _AROUND.get(link.get(f"{_OPS}type", "").strip()):
                    yield resolved(parts, path, link.get("href", ""))[0], kind


def _nav_entries(parts: Parts, path: str, nav: etree._Element) -> Iterator[Entry]:
    """Yield the lines of the table of contents of EPUB 3."""
    for contents in nav.iter("{*}nav"):
        if "toc" not in contents.get(f"{_OPS}type", "").split():
            continue
        for link in contents.iter("{*}a"):
            depth = sum(1 for _ in link.iterancestors("{*}ol"))
            target, fragment = resolved(parts, path, link.get("href", ""))
            if words := words_of(link):
                yield Entry(path=target, fragment=fragment, title=words, depth=max(1, depth))


def _ncx_entries(
    parts: Parts, paths: dict[str, str], root: etree._Element, items: dict[str, etree._Element]
) -> Iterator[Entry]:
    """Yield the lines of the table of contents of EPUB 2."""
    spine = root.find("{*}spine")
    kind = "application/x-dtbncx+xml"
    listed = [name for name, item in items.items() if item.get("media-type") == kind]
    named = spine.get("toc", "") if spine is not None else ""
    path = paths.get(named) or (paths[listed[0]] if listed else "")
    ncx = _root(parts, path)
    for point in ncx.iter("{*}navPoint") if ncx is not None else ():
        content = point.find("{*}content")
        target, fragment = resolved(parts, path, content.get("src", "") if content is not None else "")
        depth = 1 + sum(1 for _ in point.iterancestors("{*}navPoint"))
        if words := words_of(point.find("{*}navLabel")):
            yield Entry(path=target, fragment=fragment, title=words, depth=depth)
