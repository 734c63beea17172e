"""What the names of styles say, which all office programs write in English; names are in lower case."""

from __future__ import annotations

import re

_HEADING = re.compile(r"heading ([1-9])(?!\d)")
_CONTENTS = re.compile(r"(toc|contents) (\d|heading)|table of figures")
_CODE = re.compile(
    r"(html )?preformatted( text)?|source ?code|code( block)?|verbatim|listing|macro text|plain (text )?code"
)


def heading_level(name: str) -> int:
    """Return the level of heading, from 1, that of a title as well; 0 for another style."""
    found = _HEADING.match(name)
    return int(found.group(1)) if found else int(name == "title")


def is_contents(name: str) -> bool:
    """Say whether a style is one for lines of a table of contents."""
    return _CONTENTS.match(name) is not None


def is_code(name: str) -> bool:
    """Say whether a style is one for code, whose line ends and spaces count."""
    return _CODE.fullmatch(name) is not None
