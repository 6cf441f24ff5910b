"""HTML: the text a reader sees, with the block structure kept as line breaks."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from embedlane.text.documents import NO_METADATA, Document, Form, Unreadable
from embedlane.text.encodings import decode, storable
from embedlane.text.readers import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    import bs4
    from bs4.element import PageElement

# The title becomes metadata. `head` is not among them: where its end tag is left out, which is legal, the
# standard library's parser takes the body for a part of it.
_DROPPED = frozenset({"script", "style", "nav", "template", "noscript", "title"})
# fmt: off
_LINES = ("br", "caption", "dd", "div", "dt", "figcaption", "legend", "li", "option", "summary", "tr")
_PARAGRAPHS = (
    "address", "article", "aside", "blockquote", "body", "details", "dl", "fieldset", "figure", "footer",
    "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "main", "ol", "p", "section", "table", "ul",
)
# fmt: on
#: Line ends that keep such a tag apart from its neighbours, at least.
_BREAKS = dict.fromkeys(_LINES, 1) | dict.fromkeys(_PARAGRAPHS, 2)
_CELLS = frozenset({"td", "th"})


def read(data: bytes, source: str) -> Document | Unreadable:
    """Read *data* as HTML; the title becomes metadata."""
    import bs4  # noqa: PLC0415 - costs a fifth of a second, and most files are no HTML
    from bs4.dammit import EncodingDetector  # noqa: PLC0415 - as above

    text = decode(data, source, declared=EncodingDetector.find_declared_encoding(data, is_html=True))
    if isinstance(text, Unreadable):
        return text
    with warnings.catch_warnings():
        # They tell programmers that a text looks like a file name or like XML; here it is what it is.
        warnings.simplefilter("ignore")
        soup = bs4.BeautifulSoup(text, "html.parser")
    title = " ".join(soup.title.get_text().split()) if soup.title else ""
    metadata = {"title": storable(title)} if title else NO_METADATA
    return plain.document(source, storable(_visible(soup)), Form.PROSE, metadata)


def _visible(soup: bs4.BeautifulSoup) -> str:
    """The text of *soup*: one line break between lines, two between paragraphs."""
    page = _Page()
    depth = 0  # of <pre>, whose text keeps its line breaks
    for name, opens, text in _events(soup):
        if name == "pre":
            page.end_line(2, verbatim=depth > 0)
            depth += 1 if opens else -1
        elif name is None:
            page.write(text)
        elif depth:
            page.write("\n" if opens and name in _LINES else "")
        elif name in _CELLS:
            page.write(" ")
        elif name in _BREAKS:
            page.end_line(_BREAKS[name])
    page.end_line(0)
    return "".join(page.out)


class _Page:
    """Collects lines; blank ones never pile up."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self._line: list[str] = []
        self._breaks = 0

    def write(self, text: str) -> None:
        """Add *text* to the line."""
        self._line.append(text)

    def end_line(self, breaks: int, *, verbatim: bool = False) -> None:
        """Close the line, with at least *breaks* line ends before the next."""
        written = "".join(self._line)
        line = written.strip("\n").rstrip() if verbatim else " ".join(written.split())
        self._line.clear()
        if line:
            self.out += ("\n" * self._breaks, line) if self.out else (line,)
            self._breaks = 0
        self._breaks = max(self._breaks, breaks)


def _events(soup: bs4.BeautifulSoup) -> Iterator[tuple[str | None, bool, str]]:
    """Tags as they open and close, as (name, opens, ""), and texts, as (None, False, text).

    Without recursion, for a page may nest deeper than Python's stack.
    """
    from bs4.element import CData, NavigableString, Tag  # noqa: PLC0415 - see `read`

    stack: list[tuple[str, Iterator[PageElement]]] = [("", iter(soup.contents))]
    while stack:
        name, children = stack[-1]
        child = next(children, None)
        if child is None:
            stack.pop()
            yield name, False, ""
        elif isinstance(child, Tag):
            if child.name not in _DROPPED:
                yield child.name, True, ""
                stack.append((child.name, iter(child.contents)))
        elif type(child) in (NavigableString, CData):  # not comments, doctypes and the like
            yield None, False, str(child)
