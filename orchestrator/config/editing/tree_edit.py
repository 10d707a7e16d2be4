"""From a text and what it is to say to what must change in it: first what is too much goes, then the rest comes."""

from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from orchestrator.config.editing.alignment import aligned, same
from orchestrator.config.editing.text_tree import CannotEdit, Node, Part, Splice, spliced
from orchestrator.config.errors import Path

__all__ = ["Editor", "edited"]


class Editor(Protocol):
    """Knows how one format writes. `at` is the part that holds a value; None for the whole document."""

    def without(self, node: Node, gone: Iterable[Part], at: Part | None) -> Iterator[Splice]:
        """Take parts out of a mapping or list."""

    def replaced(self, node: Node, value: Any, at: Part | None) -> Iterator[Splice]:
        """Write another value, or a beginning of it: it will be asked to put the rest in."""

    def with_entries(self, node: Node, values: Mapping[str, Any], at: Part | None) -> Iterator[Splice]:
        """Put entries at the end of a mapping."""

    def with_items(self, node: Node, after: int, items: list[Any], at: Part | None) -> Iterator[Splice]:
        """Put items into a list, behind so many of its own."""


def edited(
    text: str, target: Mapping[str, Any], tree_of: Callable[[str], Node], editor_of: Callable[[str], Editor]
) -> str:
    """The text with no more changed than must be for it to say `target`.

    :raises CannotEdit: if it is written in a way that is not edited.
    """
    change = _Change()
    for step in (change.smaller, change.larger):
        text = spliced(text, step(editor_of(text), tree_of(text), target, None, ()))
    return text


class _Change:
    """Two steps from what a text says to what it is to say, which agree on what has become of the items of lists."""

    def __init__(self) -> None:
        self.kept: dict[Path, list[int]] = {}
        """Of each list with something new in it: the places that the items have in the end which stay in the text."""

    def smaller(self, editor: Editor, node: Node, target: Any, at: Part | None, path: Path) -> Iterator[Splice]:
        """Take out what is not in the target, and put the target's values in place of others."""
        if same(node.value, target):
            return
        if node.odd:
            raise CannotEdit("a mapping or list that is written oddly")
        pairs = self._pairs(node, target, path)
        if pairs is None:
            yield from editor.replaced(node, target, at)
            return
        gone = [part for part, new in pairs if new is None]
        if gone:
            yield from editor.without(node, gone, at)
        for part, new in pairs:
            if new is not None:
                yield from self.smaller(editor, part.node, target[new], part, (*path, new))

    def _pairs(self, node: Node, target: Any, path: Path) -> list[tuple[Part, Any]] | None:
        """The parts, each with its key or place in the target or None; None for what is no mapping or list in both."""
        if isinstance(node.value, dict) and isinstance(target, dict):
            return [(part, part.key if part.key in target else None) for part in node.parts]
        if isinstance(node.value, list) and isinstance(target, list):
            pairs = [(node.parts[old], new) for old, new in aligned(node.value, target) if old is not None]
            self.kept[path] = [new for _, new in pairs if new is not None]
            return pairs
        return None

    def larger(self, editor: Editor, node: Node, target: Any, at: Part | None, path: Path) -> Iterator[Splice]:
        """Put in what is only in the target: the innermost first, as what ends in one place ends from the inside."""
        if same(node.value, target):
            return
        if isinstance(target, dict):
            for part in node.parts:
                yield from self.larger(editor, part.node, target[part.key], part, (*path, part.key))
            new = {key: value for key, value in target.items() if key not in node.by_key}
            if new:
                yield from editor.with_entries(node, new, at)
        else:
            yield from self._longer(editor, node, target, at, path)

    def _longer(self, editor: Editor, node: Node, target: Any, at: Part | None, path: Path) -> Iterator[Splice]:
        kept = self.kept[path]
        for part, place in zip(node.parts, kept, strict=True):
            yield from self.larger(editor, part.node, target[place], part, (*path, place))
        new: dict[int, list[Any]] = {}
        for place in sorted(set(range(len(target))) - set(kept)):
            new.setdefault(bisect(kept, place), []).append(target[place])
        for after, items in new.items():
            yield from editor.with_items(node, after, items, at)
