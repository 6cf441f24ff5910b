"""Reading HTML."""

from __future__ import annotations

import pytest

from embedlane.text.documents import Form, Unreadable
from embedlane.text.readers import html


def text_of(markup: str) -> str:
    return "".join(part.text for part in html.read(markup.encode(), "a.html").parts)


def test_keeps_blocks_and_drops_what_is_not_read():
    """Paragraphs stand apart, lines follow each other, scripts and navigation are gone."""
    page = """<!doctype html><html><head><title>Tea &amp;\n cake</title><style>x{}</style></head><body>
    <nav>Menu</nav><template>Ghost</template><script>var a;</script><!-- note -->
    <noscript>Switch on</noscript><h1>Head</h1><p>One <b>bold</b>,\n  two<br>three</p>
    <ul><li>a</li><li>b</li></ul><div>c</div></body>
    </html>"""
    (part,) = html.read(page.encode(), "a.html").parts
    assert part.text == "Head\n\nOne bold, two\nthree\n\na\nb\n\nc"
    assert part.form is Form.PROSE
    assert part.metadata == {"title": "Tea & cake"}


def test_entities_become_characters():
    """Named and numeric references are resolved."""
    assert text_of("<p>1 &lt; 2 &amp; caf&eacute; &#8212; &#x20AC;&nbsp;5</p>") == "1 < 2 & café — € 5"


def test_words_across_inline_tags_stay_whole():
    """Inline tags part no words."""
    assert text_of("<p>em<b>bed</b><i>lane</i></p>") == "embedlane"


def test_cells_of_a_row_are_apart():
    """A row is a line, its cells are words of it."""
    assert text_of("<table><tr><td>1</td><td>2</td></tr><tr><th>3<th>4</table>") == "1 2\n3 4"


def test_preformatted_text_keeps_its_lines():
    """Line breaks and indentation in `pre` are content, also around inline tags."""
    markup = "<p>x</p><pre>\ndef f():\n    <b>return</b> 1<br>\n</pre>y  z"
    assert text_of(markup) == "x\n\ndef f():\n    return 1\n\ny z"


def test_missing_end_tags_lose_nothing():
    """HTML may leave out end tags, also that of `head`."""
    assert text_of("<head><title>T</title><body><p>one<p>two<li>three") == "one\n\ntwo\nthree"


def test_declared_encoding_is_used():
    """A page in an old encoding is read as it says."""
    page = "<meta charset='iso-8859-15'><p>œuvre €</p>".encode("iso-8859-15")
    assert html.read(page, "a.html").parts[0].text == "œuvre €"


def test_deep_nesting_is_read():
    """Thousands of open tags do not exhaust the stack."""
    assert text_of("<div>" * 5000 + "x") == "x"


@pytest.mark.parametrize("markup", ["", "<title>Only a title</title>", "<script>x</script>"])
def test_page_without_text_has_no_parts(markup):
    """A title alone is no content."""
    assert html.read(markup.encode(), "a.html").parts == ()


@pytest.mark.parametrize("markup", ["a.txt", "https://example.org/", '<?xml version="1.0"?><html>x</html>'])
def test_no_warnings_about_the_markup(markup):
    """Text that looks like a file name or like XML is read in silence."""
    assert text_of(markup)


def test_binary_file_is_unreadable():
    """A binary file is reported, not read."""
    assert isinstance(html.read(b"%PDF-1.4", "a.html"), Unreadable)
