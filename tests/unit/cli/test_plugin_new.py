"""`embedlane plugin new`: what it writes, and what it refuses."""

import ast
import re
import tomllib
from datetime import date

import pytest

from embedlane.plugin import scaffold

#: What a tool reads, beside Python.
BLANK = re.compile("§")


def files_of(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_plugin_is_written(folder, lane):
    """A folder of the plugin's name holds a distribution with both lanes, tests and a Makefile."""
    answer = lane("plugin", "new", "acme")
    assert answer.status == 0
    assert files_of(folder / "acme") == {
        ".gitignore",
        "CHANGELOG.md",
        "Makefile",
        "README.md",
        "pyproject.toml",
        "src/embedlane_acme/__init__.py",
        "src/embedlane_acme/_batch.py",
        "src/embedlane_acme/_errors.py",
        "src/embedlane_acme/_settings.py",
        "src/embedlane_acme/_sync.py",
        "src/embedlane_acme/py.typed",
        "tests/test_conformance.py",
    }


def test_what_is_next_is_said(folder, lane):
    """Both commands to go on with are named; another Python than the path's is, too."""
    assert re.search(r"make -C acme test( PYTHON=\S+)?\n.*grep .*YOUR SDK", lane("plugin", "new", "acme").out)


def test_another_python_than_the_paths_is_named(folder, lane, monkeypatch):
    """Where make would find another Python, or none, the command says which to take."""
    monkeypatch.setenv("PATH", str(folder))
    assert re.search(
        r"^make -C acme test PYTHON=\S+$", lane("plugin", "new", "acme", "--json").json["next"][0]
    )


def test_the_json_names_everything(folder, lane):
    """One document: where, what, the files, and what to do next."""
    view = lane("plugin", "new", "acme-cloud", "--directory", "some where/new", "--json").json
    assert view["files"] == sorted(view["files"])
    assert set(view["files"]) == files_of(folder / "some where" / "new")
    assert view["next"][0].startswith("make -C 'some where/new' test")
    del view["files"], view["next"]
    assert view == {
        "directory": "some where/new",
        "distribution": "embedlane-acme-cloud",
        "package": "embedlane_acme_cloud",
        "provider": "acme-cloud",
        "model": "acme-cloud:embed-1",
    }


def test_the_model_can_be_named(folder, lane):
    """--model stands on the card, in the tests and in the README."""
    assert lane("plugin", "new", "acme", "--model", "zenith:big/embed:v2").status == 0
    for name in ("src/embedlane_acme/__init__.py", "tests/test_conformance.py", "README.md"):
        assert "zenith:big/embed:v2" in (folder / "acme" / name).read_text()


def test_every_file_can_be_read(folder, lane):
    """No blank is left in any file; Python and TOML parse; the author's places are marked in each lane."""
    lane("plugin", "new", "acme-2")
    for path in (folder / "acme-2").rglob("*"):
        text = path.read_text() if path.is_file() else ""
        assert not BLANK.search(text), path
        if path.suffix == ".py":
            ast.parse(text)
    for name in ("_sync.py", "_batch.py", "_errors.py", "_settings.py", "__init__.py"):
        assert "YOUR SDK" in (folder / "acme-2/src/embedlane_acme_2" / name).read_text()
    project = tomllib.loads((folder / "acme-2/pyproject.toml").read_text())["project"]
    assert project["name"] == "embedlane-acme-2"
    assert project["entry-points"]["embedlane"] == {"acme-2": "embedlane_acme_2"}


def test_the_day_stands_on_the_card():
    """The card says when its facts were written down."""
    texts = scaffold.Plan.of("acme").render(date(2031, 2, 3))
    assert "read=date(2031, 2, 3)" in texts["src/embedlane_acme/__init__.py"]


@pytest.mark.parametrize(
    ("release", "pin"),
    [("0.1.0", ">=0.1,<0.2"), ("0.12.3.dev4", ">=0.12,<0.13"), ("1.0.0rc1", ">=1.0,<2"), ("3.4", ">=3.4,<4")],
)
def test_the_core_is_pinned_as_it_promises(release, pin):
    """The minor version until 1.0, the major one after."""
    assert scaffold.compatible(release) == pin


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("Acme", "'acme'"),
        ("acme_cloud", "'acme-cloud'"),
        ("acme--cloud", "'acme-cloud'"),
        ("3-acme", "'acme'"),
        ("../acme", "'acme'"),
        ("acme\n", "'acme'"),
        ("", "'acme'"),
        ("ÄÖ", "'acme'"),
        ("embedlane-acme", "'acme'"),
    ],
)
def test_a_name_that_cannot_be_is_refused(folder, lane, name, advice):
    """Status 2, and the hint says what to write; nothing is written."""
    answer = lane("plugin", "new", "--json", "--", name)
    assert answer.status == 2
    assert advice in answer.json["error"]["hint"]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["hash", "minilm"])
def test_a_name_that_is_taken_is_refused(folder, lane, name):
    """The core's own provider, and the plugins that it knows, keep their names."""
    answer = lane("plugin", "new", name)
    assert answer.status == 3
    assert f"'{name}' already" in answer.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("model", ["embed-1", "acme:", 'acme:"', "acme:a b", "acme:§name"])
def test_a_model_that_cannot_be_is_refused(folder, lane, model):
    """Status 2 for what is no model id, or would not stand in quotes."""
    answer = lane("plugin", "new", "acme", "--model", model)
    assert answer.status == 2
    assert "Write" in answer.err
    assert list(folder.iterdir()) == []


def test_made_up_vectors_never_get_a_real_models_name(folder, lane):
    """A model whose card embedlane ships is refused: its indexes would take the stand-in's vectors."""
    answer = lane("plugin", "new", "acme", "--model", "local:hash")
    assert answer.status == 3
    assert "must not meet the real ones" in answer.err
    assert list(folder.iterdir()) == []


def test_nothing_is_overwritten(folder, lane):
    """A folder with something in it, and a file in its place, are refused and stay as they are."""
    (folder / "acme").mkdir()
    (folder / "acme" / "Makefile").write_text("mine")
    (folder / "file").write_text("mine")
    for arguments in (["acme"], ["acme", "--directory", "file"]):
        answer = lane("plugin", "new", *arguments)
        assert answer.status == 3
        assert "--directory" in answer.err
    assert files_of(folder) == {"acme/Makefile", "file"}
    assert (folder / "acme" / "Makefile").read_text() == (folder / "file").read_text() == "mine"


def test_an_empty_folder_is_filled(folder, lane):
    """A folder that was made for it is as good as none."""
    (folder / "new").mkdir()
    assert lane("plugin", "new", "acme", "--directory", "new").status == 0
    assert (folder / "new" / "pyproject.toml").exists()


def test_a_folder_that_cannot_be_written_is_told(folder, lane):
    """Status 2 with the reason, where a folder of the path is a file."""
    (folder / "file").write_text("mine")
    answer = lane("plugin", "new", "acme", "--directory", "file/below")
    assert answer.status == 2
    assert "Not a directory" in answer.err
