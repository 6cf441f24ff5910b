"""The exit status of every branch, as a shell sees it."""

_DOWN = """
from embedlane.errors import RequestRefusedError, ResponseError
from embedlane.plugin import Dimensions, ModelCard, Route, hookimpl

@hookimpl
def embedlane_models():
    return [ModelCard(id="local:down", lanes={"sync"}, dimensions=Dimensions(native=4))]

@hookimpl
def embedlane_routes():
    return [Route(provider="down", models=("local:down",), lane="sync", factory="plugin_down:open_sync",
                  credentials=("DOWN_KEY",))]

class Down:
    def embed(self, inputs, role):
        raise ResponseError("The service sent nonsense.", "Report it to its makers.")
    def close(self): ...

def open_sync(context):
    context.credential()
    return Down()
"""


def test_a_provider_that_fails_ends_with_4_and_a_missing_key_with_2(shell, plugin):
    """The provider's failure and the user's own are told apart by the status."""
    variables = plugin("down", _DOWN)
    shell.fill(["cats"], "local:down")
    missing = shell.run("embed", "docs", **variables)
    assert missing.status == 2
    assert "DOWN_KEY" in missing.err
    failed = shell.run("embed", "docs", "--json", **variables, DOWN_KEY="secret-of-mine")
    assert failed.status == 4
    assert failed.json["error"]["message"] == "The service sent nonsense."
    assert "secret-of-mine" not in failed.out + failed.err


def test_json_is_one_document_where_rows_are_missing_too(shell):
    """Status 5 comes with the whole report on stdout and the places on stderr."""
    shell.fill(["cats"])
    (shell.folder / "items.jsonl").write_text('{"id": "a", "text": "fine"}\nbroken\n')
    ended = shell.run("add", "docs", "items.jsonl", "--jsonl", "--json")
    assert ended.status == 5
    assert ended.json["unreadable"] == 1
    assert "items.jsonl:2" in ended.err


def test_a_refusal_ends_with_3_and_a_slip_with_2(shell):
    """Another model for an index is refused with both spaces; a configuration error names file and key."""
    shell.fill(["cats"])
    refused = shell.run("index", "create", "docs", "--model", "openai:text-embedding-3-small", "--json")
    assert refused.status == 3
    assert "≠ dimensions" in refused.json["error"]["message"]
    assert "≠ dimensions" in refused.err
    path = shell.folder / "embedlane.toml"
    path.write_text("[indexes.docs]\nmodel = 'local:hash'\ndimensions = 'big'\n")
    slip = shell.run("index", "show", "docs")
    assert (slip.status, slip.out) == (2, "")
    assert slip.err.startswith(f"error: {path}: indexes.docs.dimensions")
    assert "Traceback" not in slip.err
