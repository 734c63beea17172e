"""E-books (EPUB 2 and 3): their chapters in reading order, each through the reader of HTML."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress

from lxml import etree, html

from index.load.assemble import Assembly
from index.load.books.opf import CONTENTS, COVER, Entry, Package, read_package
from index.load.clean import counted, verbatim_words
from index.load.decode import decode
from index.load.html import depth_notes, read_html
from index.load.join import LEVELS, append
from index.load.limits import Limits, Unreadable
from index.load.parts import Parts
from index.records import Extract

_XHTML = "{http://www.w3.org/1999/xhtml}"
_KIND = "{http://www.idpf.org/2007/ops}type"
_READ = frozenset(("application/xhtml+xml", "text/html", "application/xml", "text/xml", "application/x-dtbook+xml", ""))
_PART_OF_THE_TEXT = frozenset(("aside", "footer"))
"""What stands around the text of a web page; in a book it is a note, or the source of a quotation."""
_LISTS = ("{*}nav", "{*}ul", "{*}ol", "{*}dl", "{*}table")
_MORE = 200
"""Characters beside the table of contents that make a file worth reading."""
_PRELUDE = 200
"""Characters that may stand above a chapter's heading, such as its number."""
_SHOWN_NOTES, _SHOWN_NUMBERS = 3, 10


def extract_epub(data: bytes, limits: Limits) -> Extract:
    """Read the chapters of a book one after the other; places count the files of its spine.

    Cover and table of contents are left out, with a note. Raises Unreadable where the book is damaged or locked.
    """
    with Parts(data, limits) as parts:
        package = read_package(parts)
        book = _Book(parts, package)
        for number, path in enumerate(package.spine, 1):
            if book.assembly.length >= limits.characters:
                left = counted(len(package.spine) - number + 1, "chapter{s}")
                over = f"longer than {limits.characters} characters"
                book.assembly.notes.append(f"left out the last {left}: {over}")
                break
            book.read(number, path)
    return book.finish()


class _Book:
    """A book in the making."""

    def __init__(self, parts: Parts, package: Package) -> None:
        self.assembly = Assembly("chapter")
        self.assembly.sections.title = package.title
        self._parts = parts
        self._package = package
        self._entries: dict[str, list[Entry]] = defaultdict(list)
        for entry in package.entries:
            self._entries[entry.path].append(entry)
        self._read: set[str] = set()
        self._around: list[str] = []
        self._missing: list[int] = []
        self._others = 0
        self._pictures = 0
        self._notes: list[str] = []

    def read(self, number: int, path: str) -> None:
        """Add the file at place ``number`` of the spine, if it is a chapter that is not in the book yet."""
        if path in self._read and path:
            return
        self._read.add(path)
        if path and self._package.media_types.get(path, "") not in _READ:
            self._others += 1
            return
        root, notes = _tree(self._parts, path)
        if root is None:
            self._missing.append(number)
            return
        kind = self._kind(path, root)
        if kind:
            self._around += [kind] if kind not in self._around else []
            if kind == COVER or not _without_contents(root):
                return
        levels = _prepare(root)
        self._pictures += sum(1 for _ in root.iter("img", "{*}image"))
        found = read_html(etree.tostring(root, method="html", encoding="unicode"))
        self._notes += [f"chapter {number}: {note}" for note in (*notes, *found.notes)]
        self._append(number, path, found, levels)

    def _kind(self, path: str, root: etree._Element) -> str:
        """Say whether a file is the cover or the table of contents, which some books write into their first chapter."""
        if path == self._package.navigation:
            return CONTENTS
        kind = self._package.around.get(path, "")
        if kind == COVER:
            return kind
        return kind if 2 * _linked(root) > len(_text(root.find(".//{*}body"))) > 0 else ""

    def _append(self, number: int, path: str, found: Extract, levels: dict[str, list[int]]) -> None:
        assembly = self.assembly
        entries = self._entries.get(path, [])
        first = min(entries, key=lambda entry: bool(entry.fragment), default=None)
        titles = {_letters(e.title): e.title for e in entries if first is not None and e.depth <= first.depth}
        headings = [block for block in found.blocks if block.kind == "heading"]
        entered = False
        if first is not None:
            begins = [b.start for b in headings if _letters(found.text[b.start : b.end]) == _letters(first.title)]
            if not first.fragment or not begins or begins[0] < _PRELUDE:
                assembly.part(first.title)
                entered = bool(found.blocks) and found.blocks[0].kind != "heading"
            if entered:
                assembly.sections.enter(min(LEVELS, first.depth), first.title)
        elif headings and headings[0] is found.blocks[0]:
            assembly.part(" ".join(found.text[headings[0].start : headings[0].end].split()))

        def level(words: str) -> int:
            letters = _letters(words)
            if letters in titles:
                assembly.part(titles[letters])
            known = levels.get(letters, [1])
            own = known.pop(0) if len(known) > 1 else known[0]
            # a heading that is the chapter's title takes the place of the one that was put there for what stands above
            return min(own, first.depth) if entered and first and letters == _letters(first.title) else own

        append(assembly, found, number, level)

    def finish(self) -> Extract:
        """Return the book."""
        notes = self.assembly.notes
        if self._around:
            notes.append(f"left out {' and '.join(self._around)}")
        if self._missing:
            numbers = ", ".join(map(str, self._missing[:_SHOWN_NUMBERS]))
            more = ", …" if len(self._missing) > _SHOWN_NUMBERS else ""
            notes.append(f"missing or damaged: chapter{'s' if len(self._missing) > 1 else ''} {numbers}{more}")
        if self._others:
            notes.append(f"left out {counted(self._others, 'file{s} of another kind than text')}")
        if self._pictures:
            notes.append(f"left out {counted(self._pictures, 'picture{s}')}")
        notes += self._notes[:_SHOWN_NOTES]
        if len(self._notes) > _SHOWN_NOTES:
            notes.append(f"{len(self._notes) - _SHOWN_NOTES} more notes of this kind on other chapters")
        package = self._package
        return self.assembly.finish(title=package.title, author=package.author, date=package.date)


def _without_contents(root: etree._Element) -> bool:
    """Take the lists of links out of a file; tell whether it says more than that, as a title page does."""
    for element in list(root.iter(*_LISTS)):
        if _linked(element) > len(_text(element)) / 2 and element.getparent() is not None:
            element.clear(keep_tail=True)
    return len(_text(root.find(".//{*}body"))) > _MORE


def _linked(element: etree._Element) -> int:
    return sum(len(_text(link)) for link in element.iter("{*}a"))


def _text(element: etree._Element | None) -> str:
    return "" if element is None else " ".join("".join(element.itertext()).split())


def _letters(words: str) -> str:
    """Return what two spellings of a heading have in common."""
    return "".join(filter(str.isalnum, words)).casefold()


def _tree(parts: Parts, path: str) -> tuple[etree._Element | None, list[str]]:
    """Return the root of a chapter, and notes: of XHTML, or of HTML where it is not well-formed; else None.

    Entities stay as they are: those of HTML are known to its reader, and no others are expanded.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        data = parts.read(path)
        with suppress(etree.XMLSyntaxError):  # a chapter that is no XML is common, and read as browsers do
            return etree.fromstring(data, parser), []
        text, _ = decode(data, html=True)
        loose = html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
        root = html.document_fromstring(text.encode("utf-8", "replace"), parser=loose)
    except (Unreadable, etree.ParserError, etree.XMLSyntaxError):
        return None, []
    return root, depth_notes(loose)


def _prepare(root: etree._Element) -> dict[str, list[int]]:
    """Make a tree of XHTML one of HTML, without numbers of pages; return the levels of its headings by letters."""
    levels: dict[str, list[int]] = defaultdict(list)
    for element in list(root.iter(etree.Element)):
        element.text, element.tail = (words and verbatim_words(words) for words in (element.text, element.tail))
        tag = element.tag.removeprefix(_XHTML)
        shown = "div" if tag in _PART_OF_THE_TEXT else tag
        if shown != element.tag:  # lxml refuses to write anew what it took from a broken file
            element.tag = shown
        if _is_number_beside_the_text(element):
            for child in list(element):
                element.remove(child)
            element.text = None
        elif len(tag) == 2 and tag[0] == "h" and tag[1] in "123456":
            levels[_letters("".join(element.itertext()))].append(int(tag[1]))
    return levels


def _is_number_beside_the_text(element: etree._Element) -> bool:
    """Tell whether an element holds the number of a printed page, or of a paragraph as SiSU sets them."""
    kinds = (*element.get(_KIND, "").split(), element.get("role", ""), element.get("class", ""))
    return not {"pagebreak", "doc-pagebreak", "ocn"}.isdisjoint(kinds)
