"""What `embedlane plugin new` writes: held against the tools, and used from an installed wheel.

Nothing is downloaded. In the environment with the wheel, all other distributions are linked from the one that
runs the tests; `test_wheels.py` sees to what the wheel declares.
"""

import os
import subprocess
import sys
import sysconfig
import zipfile
from datetime import date
from pathlib import Path

import pytest

from embedlane.plugin.scaffold import Plan, write

ROOT = Path(__file__).parents[2]
#: What an editable install leaves in a folder of packages, and what belongs to this project.
OWN = (".pth", "embedlane", "_embedlane", "__editable__", "__pycache__")


def run(*command, **options):
    """Run *command*; what it said is the failure's message."""
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def environment(**more):
    """The variables of somebody who has set none of embedlane's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EMBEDLANE_")}
    return {**kept, **more}


@pytest.fixture(scope="module", params=["demo", "acme-cloud-3"])
def written(request, tmp_path_factory):
    """A new plugin, of a short and of a long name."""
    plan = Plan.of(request.param)
    folder = tmp_path_factory.mktemp("plugin") / plan.name
    write(plan.render(date(2031, 2, 3)), folder)
    return plan, folder


def test_a_new_plugin_is_clean(written):
    """Ruff finds nothing to say, under the plugin's own rules and under the stricter ones of this project."""
    _, folder = written
    ruff = (sys.executable, "-m", "ruff")
    run(*ruff, "check", ".", cwd=folder)
    run(*ruff, "format", "--check", ".", cwd=folder)
    # The stand-in has no use for the role; another package's rules can't know that the tests are tests.
    run(*ruff, "check", "--config", ROOT / "pyproject.toml", "--extend-ignore", "ARG002", "src", cwd=folder)


def test_a_new_plugin_is_typed(tmp_path):
    """Mypy, strict, finds both lanes to be what the interfaces ask for."""
    write(Plan.of("demo").render(date(2031, 2, 3)), tmp_path / "demo")
    assert "no issues found in 5 source files" in run(sys.executable, "-m", "mypy", cwd=tmp_path / "demo")


def test_a_new_plugin_passes_the_conformance_kit(tmp_path):
    """Its wheel, unpacked, is found and passes all rules that need no service."""
    plan = Plan.of("demo")
    write(plan.render(date(2031, 2, 3)), tmp_path / "demo")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=tmp_path / "demo")
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    said = run(
        sys.executable,
        "-m",
        "pytest",
        cwd=tmp_path / "demo",
        env=environment(PYTHONPATH=str(tmp_path / "site")),
    )
    assert " passed" in said
    assert "failed" not in said


def wheel_environment(folder):
    """An environment with the core's wheel, and with everything of ours but this project."""
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    run(sys.executable, "-m", "venv", folder / "env")
    python = folder / "env" / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'), end='')"))
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(OWN) and entry.suffix != ".pth" and not (site / entry.name).exists():
            (site / entry.name).symlink_to(entry)
    [wheel] = folder.glob("*.whl")
    run(python, "-m", "pip", "--isolated", "install", "--no-index", "--disable-pip-version-check", wheel)
    return python.parent


def test_from_an_installed_wheel_one_line_makes_and_tests_a_plugin(tmp_path):
    """`embedlane plugin new demo && make -C demo test`: it is installed, found, and fills an index."""
    programs = wheel_environment(tmp_path)
    here = tmp_path / "here"
    here.mkdir()
    clean = {name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ}
    clean |= {
        "PATH": f"{programs}{os.pathsep}{os.defpath}",
        "PIP_NO_INDEX": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    run("sh", "-c", "embedlane plugin new demo && make -C demo test", cwd=here, env=clean)

    embedlane = programs / "embedlane"
    (here / "harbour.txt").write_text("Boats lie in the harbour.")
    run(embedlane, "index", "create", "docs", "--model", "demo:embed-1", cwd=here, env=clean)
    run(embedlane, "add", "docs", "harbour.txt", cwd=here, env=clean)
    run(embedlane, "embed", "docs", "--lane", "batch", "--wait", cwd=here, env=clean)
    assert "harbour" in run(embedlane, "search", "docs", "Boats lie in the harbour.", cwd=here, env=clean)
