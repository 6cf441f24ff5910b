"""Python source: one record for each docstring."""

from __future__ import annotations

import ast
import inspect
import warnings
from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

from embedlane.text.documents import Document, Form, Part, Unreadable
from embedlane.text.encodings import binary_kind, decode, storable

if TYPE_CHECKING:
    from collections.abc import Iterator

_Scope: TypeAlias = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_SCOPES = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def read(data: bytes, source: str) -> Document | Unreadable:
    """Read the docstrings of the Python module *data*.

    The module's part is named like the file, each other one ``<file>::<qualified name>``. Where a name is
    defined again, as property setters and overloads are, ``@2``, ``@3``... is put after it.
    """
    tree = _parse(data, source)
    if isinstance(tree, Unreadable):
        return tree
    seen: Counter[str] = Counter()
    parts: list[Part] = []
    for node, name, kind in _scopes(tree):
        # Counted whether it has a docstring or not: adding one elsewhere must not rename this one.
        seen[name] += 1
        text = storable(inspect.cleandoc(ast.get_docstring(node, clean=False) or ""))
        if text.strip():
            line = node.body[0].lineno if isinstance(node, ast.Module) else node.lineno
            metadata = {"qualname": name, "kind": kind, "line": line}
            parts.append(Part(_part_id(source, name, seen[name]), text, Form.RECORD, metadata))
    return Document(id=source, source=source, parts=parts)


def _part_id(source: str, name: str, occurrence: int) -> str:
    if not name:
        return source
    return f"{source}::{name}" if occurrence == 1 else f"{source}::{name}@{occurrence}"


def _parse(data: bytes, source: str) -> ast.Module | Unreadable:
    kind = binary_kind(data[:1024])
    if kind:
        return Unreadable(source=source, reason=f"{kind}; not Python")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes and the like are the read file's affair
            return ast.parse(_source(data, source))
    except SyntaxError as error:
        reason = f"not Python that this version can read: {error.msg}"
        return Unreadable(source=source, reason=reason, line=error.lineno)
    except (ValueError, RecursionError, MemoryError) as error:
        return Unreadable(
            source=source,
            reason=f"not Python that this version can read: {str(error) or 'it is nested too deep'}",
        )


def _source(data: bytes, source: str) -> bytes | str:
    # Bytes let the parser obey the coding line of PEP 263; it knows no other marks than UTF-8's.
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = decode(data, source)
        return data if isinstance(text, Unreadable) else text
    return data


def _scopes(tree: ast.Module) -> Iterator[tuple[_Scope, str, str]]:
    """All modules, classes and functions in the order of the file, as (node, qualified name, kind).

    Without recursion: a chain of a thousand ``elif`` is a thousand levels deep.
    """
    yield tree, "", "module"
    stack: list[tuple[ast.AST, str, bool]] = [(child, "", False) for child in reversed(_children(tree))]
    while stack:
        node, prefix, in_class = stack.pop()
        inner, method = prefix, in_class
        if isinstance(node, _SCOPES):
            name = prefix + node.name
            yield node, name, _kind(node, in_class=in_class)
            method = isinstance(node, ast.ClassDef)
            inner = f"{name}." if method else f"{name}.<locals>."
        stack.extend((child, inner, method) for child in reversed(_children(node)))


def _children(node: ast.AST) -> list[ast.AST]:
    # Definitions are statements, so expressions need no visit.
    blocks = (ast.stmt, ast.excepthandler, ast.match_case)
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, blocks)]


def _kind(node: ast.AST, *, in_class: bool) -> str:
    if isinstance(node, ast.ClassDef):
        return "class"
    kind = "method" if in_class else "function"
    return f"async {kind}" if isinstance(node, ast.AsyncFunctionDef) else kind
