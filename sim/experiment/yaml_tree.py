"""From YAML text to data with positions, in bounded time and memory, with every problem reported at once.

PyYAML supplies events, one at a time; the tree is built here. So depth and size are known before anything is built (its
C composer crashes on deep nesting, and aliases can stand for billions of nodes), keys are seen twice when they are
written twice, and no tag can name a class.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import yaml

from sim.errors import InvalidInput, Issue
from sim.experiment.document import Document, Mark, Place
from sim.experiment.yaml_scalars import is_collection_tag, is_text_key, read_scalar, show_tag
from sim.experiment.yaml_syntax import DEEPEST, TOO_DEEP, syntax_issue

MOST_NODES: Final = 50_000
"""Keys and values in one file, aliases counted as often as they are used."""

MOST_FOUND: Final = 100
"""Mistakes after which a file is not read further."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class _Node:
    """A value with its position. `content` is a scalar, a list of nodes, or a mapping of keys to (key node, node)."""

    kind: str
    line: int
    col: int
    content: Any = None
    text: str = ""
    tag: str | None = None
    plain: bool = False
    size: int = 1
    height: int = 0
    closed: bool = True


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not been seen.

    `keyed` tells whether a key waits for its value, `key` is that key; None if it cannot be used and its value is
    read and dropped.
    """

    node: _Node
    place: Place
    key: _Node | None = None
    keyed: bool = False

    def next_place(self) -> Place:
        if self.node.kind == "list":
            return (*self.place, len(self.node.content))
        return (*self.place, self.key.text) if self.key is not None else self.place


@dataclass(slots=True)
class _Found:
    """A problem, before the names along its place are known."""

    message: str
    line: int
    col: int
    place: Place
    hint: str = ""


class _Stop(Exception):  # noqa: N818 - no error: the rest of the file is not worth reading
    """Reading on is impossible or pointless."""


@dataclass(slots=True)
class _Builder:
    """Builds the tree of one document and collects what is wrong with it."""

    found: list[_Found] = field(default_factory=list)
    root: _Node | None = None
    open: list[_Open] = field(default_factory=list)
    anchors: dict[str, _Node] = field(default_factory=dict)
    documents: int = 0
    nodes: int = 0

    def take(self, event: Any) -> None:
        """Take one event of the parser."""
        line, col = event.start_mark.line + 1, event.start_mark.column + 1
        if isinstance(event, yaml.ScalarEvent):
            plain = not event.style and event.implicit[0]
            node = _Node("scalar", line, col, text=event.value, tag=event.tag, plain=plain)
            self._anchor(event.anchor, node)
            self._attach(node)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._start("mapping" if isinstance(event, yaml.MappingStartEvent) else "list", event, line, col)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(str(event.anchor), line, col)
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self._refuse("a second document starts here; a file holds one", line, col, hint="remove the line '---'")
                raise _Stop

    def close(self) -> None:
        """End what is open, so that the part read before a stop can name the places of its problems."""
        while self.open:
            self._end()

    def _start(self, kind: str, event: Any, line: int, col: int) -> None:
        node = _Node(kind, line, col, content={} if kind == "mapping" else [], height=1, closed=False)
        place = self._next_place()
        if not is_collection_tag(event.tag, kind):
            self._refuse(f"the tag {show_tag(event.tag)} is not allowed", line, col, place)
        if len(self.open) >= DEEPEST:
            self._refuse(TOO_DEEP, line, col)
            raise _Stop
        self._anchor(event.anchor, node)
        self._count(1, node)
        self.open.append(_Open(node, place))

    def _end(self) -> None:
        ended = self.open.pop()
        ended.node.closed = True
        self._attach(ended.node)

    def _alias(self, anchor: str, line: int, col: int) -> None:
        target = self.anchors.get(anchor)
        usable = _Node("scalar", line, col, plain=True)
        if target is None:
            self._refuse(f"the alias *{anchor} has no anchor &{anchor} before it", line, col, self._next_place())
        elif not target.closed:
            self._refuse(f"the alias *{anchor} stands inside its own anchor", line, col, self._next_place())
        elif len(self.open) + target.height > DEEPEST:
            self._refuse(f"the alias *{anchor} nests more than {DEEPEST} deep", line, col, self._next_place())
            raise _Stop
        else:
            usable = replace(target, line=line, col=col)
        self._count(usable.size, usable)
        self._attach(usable, counted=True)

    def _anchor(self, name: str | None, node: _Node) -> None:
        if name is not None:
            self.anchors[name] = node

    def _count(self, size: int, node: _Node) -> None:
        self.nodes += size
        if self.nodes > MOST_NODES:
            message = f"more than {MOST_NODES:,} keys and values, aliases counted as often as they are used"
            self._refuse(message, node.line, node.col)
            raise _Stop

    def _attach(self, node: _Node, *, counted: bool = False) -> None:
        """Give a finished node to the mapping or list around it."""
        if node.kind == "scalar" and not counted:
            self._count(1, node)
        if not self.open:
            self._resolve(node, ())
            self.root = node
            return
        parent = self.open[-1]
        parent.node.size += node.size
        parent.node.height = max(parent.node.height, node.height + 1)
        if parent.node.kind == "list":
            self._resolve(node, parent.next_place())
            parent.node.content.append(node)
        elif not parent.keyed:
            parent.key, parent.keyed = self._usable_key(node, parent), True
        else:
            self._resolve(node, parent.next_place())
            if parent.key is not None:
                parent.node.content[parent.key.text] = (parent.key, node)
            parent.key, parent.keyed = None, False

    def _usable_key(self, key: _Node, parent: _Open) -> _Node | None:
        """Return the key when it can be used, else None and an issue."""
        hint = ""
        if key.kind != "scalar":
            message = f"a key must be text, found a {key.kind}"
        elif not is_text_key(key.tag):
            message = f"the tag {show_tag(str(key.tag))} is not allowed"
        elif key.text == "<<" and key.plain:
            message, hint = "merge keys (<<) are not supported", "use extends: ./other.yaml to share settings"
        elif not key.text:
            message, hint = "a key is missing before the colon", "write key: value"
        elif first := parent.node.content.get(key.text):
            message = f"duplicate key '{key.text}' (first set at line {first[0].line})"
        else:
            return key
        self._refuse(message, key.line, key.col, parent.place, hint)
        return None

    def _resolve(self, node: _Node, place: Place) -> None:
        if node.kind != "scalar":
            return
        try:
            node.content = read_scalar(node.text, node.tag, plain=node.plain)
        except ValueError as error:
            self._refuse(str(error), node.line, node.col, place)

    def _next_place(self) -> Place:
        return self.open[-1].next_place() if self.open else ()

    def _refuse(self, message: str, line: int, col: int, place: Place = (), hint: str = "") -> None:
        self.found.append(_Found(message, line, col, place, hint))
        if len(self.found) == MOST_FOUND:
            self.found.append(_Found("here reading stopped, after so many mistakes", line, col, ()))
            raise _Stop


def build(text: str, file: str, *, root: str = "mapping") -> Document:
    """Read YAML text. InvalidInput carries every problem that could be found; a syntax error ends the search.

    `root` is the kind of value the text must be; `file` is the name to report.
    """
    builder = _Builder()
    syntax: list[Issue] = []
    try:
        for event in _events(text):
            builder.take(event)
    except _Stop:
        builder.close()
    except yaml.YAMLError as error:
        builder.close()
        syntax = [syntax_issue(error, text, file)]
    else:
        _check_root(builder, root)
    issues = [Issue(f.message, file, f.line, f.col, _named(builder.root, f.place), f.hint) for f in builder.found]
    if issues or syntax:
        raise InvalidInput([*sorted(issues, key=lambda issue: (issue.line, issue.col)), *syntax])
    return _document(builder.root, file)


def _events(text: str) -> Iterator[Any]:
    return yaml.parse(text, Loader=_LOADER)


def _check_root(builder: _Builder, kind: str) -> None:
    """Refuse a document whose root is not of the expected kind."""
    node, hint = builder.root, "write keys and values, such as version: 1"
    if node is None or (node.kind == "scalar" and node.content is None and not builder.found):
        builder.found.append(_Found(f"the file is empty; expected a {kind}", 0, 0, (), hint))
    elif node.kind != kind:
        what = "a single value" if node.kind == "scalar" else f"a {node.kind}"
        builder.found.append(_Found(f"the file is {what}; expected a {kind}", node.line, node.col, (), hint))


def _named(root: _Node | None, place: Place) -> str:
    """Write a place as `dotted` does, without making data of a file that is refused."""
    parts, node = [], root
    for part in place:
        node = _inside(node, part)
        name = _inside(node, "name") if isinstance(part, int) else None
        parts.append(name.content if name is not None and isinstance(name.content, str) and name.content else str(part))
    return ".".join(parts)


def _inside(node: _Node | None, part: str | int) -> _Node | None:
    """Node one step down, None where there is none."""
    if node is not None and node.kind == "mapping":
        found = node.content.get(part)
        return found[1] if found else None
    is_item = node is not None and node.kind == "list" and isinstance(part, int) and part < len(node.content)
    return node.content[part] if node is not None and is_item else None


def _document(root: _Node | None, file: str) -> Document:
    marks: dict[Place, Mark] = {}
    key_marks: dict[Place, Mark] = {}

    def convert(node: _Node, place: Place) -> Any:
        marks[place] = Mark(file, node.line, node.col, f"{file}:{node.line}")
        if node.kind == "scalar":
            return node.content
        if node.kind == "list":
            return [convert(item, (*place, index)) for index, item in enumerate(node.content)]
        for name, (key, _) in node.content.items():
            key_marks[(*place, name)] = Mark(file, key.line, key.col, f"{file}:{key.line}")
        return {name: convert(value, (*place, name)) for name, (_, value) in node.content.items()}

    data = convert(root, ()) if root is not None else None
    return Document(data, marks, key_marks, file)
