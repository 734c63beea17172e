"""What changed from one snapshot to another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from index.manifest import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changed from one snapshot to another."""

    old: str
    new: str
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    settings: tuple[str, ...]
    """One line for each setting, model property or library version that differs."""


def diff(old: Manifest, new: Manifest) -> Difference:
    """Compare two snapshots: documents by path and source hash, and what they were made with."""
    before = {d.path: d.sha256 for d in old.documents}
    after = {d.path: d.sha256 for d in new.documents}
    return Difference(
        old=old.id,
        new=new.id,
        added=tuple(sorted(after.keys() - before.keys())),
        changed=tuple(sorted(path for path in before.keys() & after.keys() if before[path] != after[path])),
        removed=tuple(sorted(before.keys() - after.keys())),
        settings=tuple(_changes(old, new)),
    )


def _changes(old: Manifest, new: Manifest) -> Iterator[str]:
    if old.search != new.search:
        yield f"search: {old.search} → {new.search}"
    for part in ("recipe", "encoder"):
        before = _flat(part, msgspec.to_builtins(getattr(old, part)))
        after = _flat(part, msgspec.to_builtins(getattr(new, part)))
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                yield f"{name}: {before.get(name, 'none')} → {after.get(name, 'none')}"


def _flat(prefix: str, values: dict[str, object]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in values.items():
        key = f"{prefix}.{name}"
        flat |= _flat(key, value) if isinstance(value, dict) else {key: value}
    return flat
