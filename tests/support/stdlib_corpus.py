"""A part of the standard library's docstrings as a corpus, and questions about it with their answers.

The questions are written by hand, in other words than the docstrings', where those leave a choice. Ids are
module and name, so they are the same in each release of a Python version and in those next to it.
"""

from __future__ import annotations

import sysconfig
from pathlib import Path

from embedlane import IndexSettings, TooLong

LIBRARY = Path(sysconfig.get_path("stdlib"))
#: In grades: 2 answers the question, 1 helps.
QUERIES = Path(__file__).parents[1] / "data" / "stdlib_queries.jsonl"
MODULES = (
    *("base64", "bisect", "calendar", "collections/__init__", "contextlib", "copy", "csv", "dataclasses"),
    *("difflib", "filecmp", "fnmatch", "functools", "getpass", "glob", "graphlib", "heapq", "hmac"),
    *("linecache", "mimetypes", "operator", "pprint", "queue", "random", "secrets", "shlex", "shutil"),
    *("statistics", "string", "subprocess", "tempfile", "textwrap", "timeit", "warnings", "webbrowser"),
)


def library_index(workspace, name, model):
    """A new index of the corpus, nothing embedded; what a model can't take whole is truncated."""
    index = workspace.create_index(name, model, settings=IndexSettings(on_too_long=TooLong.TRUNCATE))
    index.add_paths([LIBRARY / f"{module}.py" for module in MODULES], root=LIBRARY)
    return index
