"""Progress is for terminals."""

import io
import sys

from embedlane.cli.progress import progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nothing_is_shown_in_a_pipe(capsys):
    """Where stderr is no terminal, nothing is written."""
    with progress("embedding", 3, hidden=False) as advance:
        advance(3)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_on_stderr(monkeypatch, capsys):
    """The bar counts what it is told, on stderr alone."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("embedding", 3, hidden=False) as advance:
        advance(2)
        advance(1)
    assert "embedding" in terminal.getvalue()
    assert capsys.readouterr().out == ""


def test_hidden_means_hidden(monkeypatch):
    """--quiet and --json silence a terminal too."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("embedding", None, hidden=True) as advance:
        advance(1)
    assert terminal.getvalue() == ""
