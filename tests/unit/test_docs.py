"""The documentation: complete, up to date, and without dead links. Its blocks are run by conftest.py."""

import re
import sys
from pathlib import Path

import attrs
import pytest
from click import Context

import embedlane
from embedlane import errors
from embedlane.config import settings as config
from embedlane.config.providers import ProviderSettings
from embedlane.jobs.states import JobEvent, JobState
from embedlane.ledger.schema import metadata
from embedlane.models import card
from embedlane.models.loading import shipped_cards
from embedlane.plugin.discovery import hook_names
from embedlane.providers.builtin.settings import SPOOL_KEYS
from embedlane.providers.interfaces import BatchService, RequestForm, SyncEmbedder

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
_LINK = re.compile(r"\[[^\]\[]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(`{3,}).*?^\1$", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def generate():
    """The generator, imported as ``make docs`` runs it."""
    sys.path.insert(0, str(DOCS))
    try:
        import generate

        yield generate
    finally:
        sys.path.remove(str(DOCS))


def text(name):
    return (DOCS / name).read_text(encoding="utf-8")


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    prose = _FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_generated_parts_are_up_to_date(page, generate):
    """Each generated part says what the code says; `make docs` mends it."""
    found = page.read_text(encoding="utf-8")
    assert generate.renewed(found) == found, f"{page.name} is stale: run `make docs`"


def test_every_part_stands_somewhere(generate):
    """No generator is left without a page."""
    everything = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for name in generate.PARTS:
        assert f"<!-- generated: {name} -->" in everything


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    """Every link inside the repository names a file that exists, and a heading of it."""
    for link in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        if link.startswith("http"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {link}"


def test_every_page_is_in_a_table_of_contents():
    """Each page is linked from the README of its shelf, and each shelf from the first page."""
    for page in DOCS.rglob("*.md"):
        if page == DOCS / "README.md":
            continue
        index = page.parent / "README.md"
        if page.name == "README.md" or not index.exists():
            index = DOCS / "README.md"
        assert page.relative_to(index.parent).as_posix() in index.read_text(encoding="utf-8"), page


def test_every_command_is_documented(generate):
    """Each command has a section, and each of its options and arguments stands in it."""
    sections = re.split(r"^#+ ", text("reference/command-line.md"), flags=re.MULTILINE)
    known = {section.partition("\n")[0]: section for section in sections}
    for names, command in generate.interface.commands():
        section = known[f"`{' '.join(names)}`"]
        for parameter in command.params:
            shown = (
                [parameter.make_metavar(Context(command))] if parameter.param_type_name == "argument" else []
            )
            for option in shown or parameter.opts:
                assert option in section, (names, option)


def test_every_key_is_documented():
    """Each key of the configuration stands in a table of its page, with a sentence."""
    page = text("reference/configuration.md")
    keys = {field.name for field in attrs.fields(config._File)} - {"indexes", "routes", "providers"}
    for kind in (config.IndexConfig, config.RouteChoice, ProviderSettings):
        keys |= {field.name for field in attrs.fields(kind)}
    for key in keys | SPOOL_KEYS:
        assert re.search(rf"^\| `{key}` \| [^|]+ \| [^|]+ \| \w[^|]+\|$", page, re.MULTILINE), key
    for table in ("[indexes.NAME]", '[routes."publisher:model"]', "[providers.NAME]", "[[models]]"):
        assert f"`{table}`" in page


def test_every_key_of_a_card_is_documented():
    """Each field of a card, and each choice, stands on the page of the models with a sentence."""
    page = text("reference/models.md")
    tables = (
        card.ModelCard,
        card.GenerationCard,
        card.Dimensions,
        card.InputLimits,
        card.TaskScheme,
        card.Price,
    )
    for kind in (*tables, card.Lifecycle, card.Source):
        for field in attrs.fields(kind):
            assert re.search(rf"^\| `{field.name}` \| [^|]+ \| [^|]+ \| \w[^|]+\|$", page, re.MULTILINE), (
                field
            )
    for choice in (*card.TaskMechanism, *card.Normalisation, *card.MultiInput):
        assert f'| `"{choice.value}"` |' in page


def test_every_model_is_documented():
    """Each card that is shipped has a row."""
    for each in shipped_cards():
        assert f"| `{each.id}` |" in text("reference/models.md")


def test_every_error_is_documented():
    """Each class of errors stands in the table, with its exit status."""
    page = text("reference/errors.md")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    for kind in kinds:
        if issubclass(kind, errors.EmbedlaneError):
            assert f"| `{kind.__name__}` | {kind.exit_status} |" in page
            if kind.exit_status != 1:
                assert re.search(rf"^\| {kind.exit_status} \| \w", page, re.MULTILINE)


def test_every_state_and_event_is_documented():
    """Each state and each event of a job has a row with its meaning."""
    page = text("reference/job-states.md")
    for each in (*JobState, *JobEvent):
        assert re.search(rf"^\| `{each.value}` \| \w", page, re.MULTILINE), each


def test_every_table_of_the_ledger_is_documented():
    """Each table has a sentence and its columns."""
    page = text("reference/ledger.md")
    for table in metadata.tables.values():
        assert re.search(rf"^\| `{table.name}` \| \w", page, re.MULTILINE), table.name
        for column in table.columns:
            assert f"| `{column.name}` |" in page


def test_every_public_name_is_documented():
    """Each name of the package has a heading."""
    for name in embedlane.__all__:
        assert f"### `{name}`\n" in text("reference/library.md")


@pytest.mark.parametrize("hook", hook_names())
def test_every_hook_is_documented_with_its_exact_signature(hook, generate):
    """The signature stands there as the hook specification writes it."""
    assert f"```text\n{generate.interface.signature_of(hook)}\n```" in text("plugins/hooks.md")


def test_the_signature_of_a_hook_is_exact(generate):
    """The generator does not drop arguments, types or the result."""
    assert generate.interface.signature_of("embedlane_credential") == (
        "embedlane_credential(provider: str) -> str | None"
    )


@pytest.mark.parametrize("interface", [SyncEmbedder, BatchService, RequestForm])
def test_every_method_of_an_interface_is_documented(interface):
    """Each method stands on the page of the interfaces."""
    methods = [name for name, value in vars(interface).items() if callable(value) and name[0] != "_"]
    assert len(methods) >= 2
    for name in methods:
        assert f"    def {name}(" in text("plugins/interfaces.md")


@pytest.fixture(scope="module")
def harness(pytestconfig):
    """What runs the pages: the conftest.py at the root, which tests may not import."""
    plugins = pytestconfig.pluginmanager.get_plugins()
    return next(each for each in plugins if getattr(each, "__file__", None) == str(ROOT / "conftest.py"))


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("one\ntwo\n", "one\ntwo\n"),
        ("one\n", "one  \n\n"),
        ("o…e\n", "one\n"),
        ("one\n…\n", "one\n"),
        ("one\n…\nfour\n", "one\ntwo\nthree\nfour\n"),
        ("NAME  SIZE\na     12\n", "NAME         SIZE\na            12\n"),
        ("{\n  …\n}\n", '{\n  "a": 1,\n  "b": 2\n}\n'),
    ],
)
def test_shown_output_is_recognised(harness, expected, printed):
    """An ellipsis is a part of a line, or on its own any number of lines; columns may be wider."""
    assert harness.shows(expected, printed)


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("one\n", "one\ntwo\n"),
        ("one\ntwo\n", "one\n"),
        ("o…e\n", "o\ne\n"),
        ("a.c\n", "abc\n"),
        ("  one\n", "one\n"),
        ("a  b\n", "a b\n"),
        ("one\n…\nthree\n", "one\ntwo\n"),
    ],
)
def test_wrong_output_is_not_recognised(harness, expected, printed):
    """Lines too many, too few or different are found."""
    assert not harness.shows(expected, printed)


def test_a_failing_command_fails_the_page(harness, tmp_path, monkeypatch):
    """A status other than 0 passes only if the page shows it with `echo $?`."""
    reader = harness.Reader(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert "There is no index" in reader.type("embedlane search nowhere anything")
    assert reader.type("echo $?") == "2\n"
    reader.require_success()
    reader.type("embedlane search nowhere anything")
    with pytest.raises(AssertionError, match="status 2"):
        reader.type("embedlane init")


def test_an_unlisted_command_fails_the_page(harness, tmp_path, monkeypatch):
    """A page can't run whatever it likes, and what is not run is listed."""
    reader = harness.Reader(tmp_path, monkeypatch)
    with pytest.raises(AssertionError, match="curl is not among"):
        reader.type("curl localhost")
    assert reader.type("make demo") == ""


def test_commands_are_found_with_their_output(harness):
    """Continued lines are joined, comments dropped, and what follows is what is shown."""
    block = "$ embedlane add docs \\\n  notes    # all of them\n3 documents\n$ echo $?\n0\n"
    assert list(harness.commands(block)) == [
        ("embedlane add docs   notes", "3 documents\n"),
        ("echo $?", "0\n"),
    ]
