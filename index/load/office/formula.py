"""Formulas of Office and of MathML as they are written on one line."""

from __future__ import annotations

from lxml import etree

OFFICE_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
MATHML = "{http://www.w3.org/1998/Math/MathML}"

_BETWEEN = {"f": "/", "sSup": "^", "sSub": "_", "mfrac": "/", "msup": "^", "msub": "_"}
_UNSEEN = frozenset(("annotation", "annotation-xml"))


def formula(element: etree._Element) -> str:
    """Return a formula as it is written on one line: ``a/b``, ``x^2``, ``√(2)``."""
    if not isinstance(element.tag, str):
        return ""
    name = etree.QName(element).localname
    if name in _UNSEEN or name.endswith("Pr"):
        return ""
    parts = [formula(part) for part in element]
    if name in _BETWEEN:
        return _BETWEEN[name].join(f"({part})" if _needs_brackets(part) else part for part in parts if part)
    if name in ("rad", "msqrt"):
        return f"√({''.join(parts[-1:] if name == 'rad' else parts)})"
    if name == "d":
        return f"({', '.join(part for part in parts if part)})"
    own = element.text or "" if not parts else ""
    return own.strip() + "".join(parts) if element.tag.startswith(MATHML) else own + "".join(parts)


def _needs_brackets(part: str) -> bool:
    return any(sign in part.strip() for sign in " +-−·*/=")
