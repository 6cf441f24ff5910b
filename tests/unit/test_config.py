"""The configuration."""

from pathlib import Path

import pytest

from embedlane.config.files import find_config
from embedlane.config.settings import IndexConfig, RouteChoice, load_config
from embedlane.errors import ConfigError
from embedlane.ledger.server import Server
from embedlane.models.names import ModelId
from embedlane.text.cutting import TooLong, Unit

CARD = '[[models]]\nid = "acme:one"\nlanes = ["sync"]\ndimensions = { native = 8 }\n'


def write(folder, text, name="embedlane.toml"):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def load(folder, **variables):
    return load_config(folder, environment=variables)


def problem(folder, text=None, name="embedlane.toml", **variables):
    """The error that a file with *text* ends in, without the place of the file."""
    if text is not None:
        write(folder, text, name)
    with pytest.raises(ConfigError) as caught:
        load(folder, **variables)
    return caught.value.message.replace(str(folder / name), "FILE")


def test_without_a_file_the_defaults_work(tmp_path):
    """The ledger lies below the folder that was asked for, and nothing else is set."""
    config = load(tmp_path)
    assert config.root == tmp_path
    assert config.ledger == tmp_path / ".embedlane" / "lane.db"
    assert config.file is None
    assert config.place == "the defaults"
    assert (config.plugins, dict(config.indexes), config.models) == (None, {}, ())


def test_every_key_of_the_file_is_read(tmp_path):
    """The example of the documentation, and all that an index can say."""
    path = write(
        tmp_path,
        """
        ledger = "data/lane.db"
        plugins = ["-minilm"]

        [indexes.docs]
        model = "google:gemini-embedding-001"
        dimensions = 768
        chunk_size = 400
        chunk_overlap = 40
        chunk_unit = "characters"
        on_too_long = "truncate"

        [routes."google:gemini-embedding-001"]
        sync = "gemini-legacy"

        [providers.gemini]
        api_key_env = "GEMINI_API_KEY"
        requests_per_minute = 60
        """,
    )
    config = load(tmp_path)
    assert (config.file, config.place, config.root) == (path, str(path), tmp_path)
    assert config.ledger == tmp_path / "data" / "lane.db"
    assert config.plugins == ("-minilm",)
    model = ModelId("google", "gemini-embedding-001")
    assert config.indexes == {
        "docs": IndexConfig(
            model=model,
            dimensions=768,
            chunk_size=400,
            chunk_overlap=40,
            chunk_unit=Unit.CHARACTERS,
            on_too_long=TooLong.TRUNCATE,
        )
    }
    assert config.routes == {model: RouteChoice(sync="gemini-legacy", batch="")}
    assert config.providers == {"gemini": {"api_key_env": "GEMINI_API_KEY", "requests_per_minute": 60}}


def test_the_nearest_file_above_is_found(tmp_path):
    """Paths in it are relative to its own folder, wherever the command is run."""
    write(tmp_path, 'ledger = "far.db"')
    write(tmp_path / "near", 'ledger = "near.db"')
    deep = tmp_path / "near" / "a" / "b"
    deep.mkdir(parents=True)
    assert load(deep).ledger == tmp_path / "near" / "near.db"
    assert load(tmp_path).ledger == tmp_path / "far.db"


def test_embedlane_toml_stands_before_pyproject_in_one_folder(tmp_path):
    """But a pyproject.toml that is nearer wins over an embedlane.toml further up."""
    write(tmp_path, "")
    write(tmp_path, "[tool.embedlane]", "pyproject.toml")
    near = write(tmp_path / "near", '[tool.embedlane]\nledger = "p.db"', "pyproject.toml")
    assert find_config(tmp_path) == tmp_path / "embedlane.toml"
    assert find_config(near.parent) == near
    assert load(near.parent).ledger == near.parent / "p.db"


@pytest.mark.parametrize(
    "text", ["", "[tool.ruff]", "# [tool.embedlane] goes here", "[tool.embedlane-like]", "[tools.embedlane]"]
)
def test_a_pyproject_without_our_table_is_passed_by(tmp_path, text):
    """Another project's file does not hide the configuration above it, even one that is no TOML."""
    write(tmp_path, "")
    write(tmp_path / "sub", f"{text}\nbroken = =", "pyproject.toml")
    assert find_config(tmp_path / "sub") == tmp_path / "embedlane.toml"


@pytest.mark.parametrize("head", ["[tool.embedlane]", "[ tool . embedlane ]", "[tool.embedlane.indexes.a]"])
def test_our_table_is_found_however_it_is_written(tmp_path, head):
    """Also when only a table below it is there."""
    path = write(tmp_path, f'[tool.x]\n{head}\nmodel = "local:hash"', "pyproject.toml")
    assert find_config(tmp_path) == path


def test_a_variable_names_the_file(tmp_path):
    """EMBEDLANE_CONFIG stands above walking up, and an argument above the variable."""
    write(tmp_path, "")
    one, two = write(tmp_path / "1", "", "one.toml"), write(tmp_path / "2", "", "two.toml")
    assert load(tmp_path, EMBEDLANE_CONFIG=str(one)).file == one
    assert load_config(tmp_path, file=two, environment={"EMBEDLANE_CONFIG": str(one)}).file == two
    assert load(tmp_path, EMBEDLANE_CONFIG="").file == tmp_path / "embedlane.toml"


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_named_file_has_to_be_readable(tmp_path, name):
    """No other file is taken in its place."""
    write(tmp_path, "")
    named = tmp_path / "sub" / name
    named.parent.mkdir(exist_ok=True)
    with pytest.raises(ConfigError, match="can't be read") as caught:
        load(tmp_path, EMBEDLANE_CONFIG=str(named))
    assert str(named) in caught.value.message
    assert "`embedlane init`" in caught.value.hint


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    """A slip in a path must not find the configuration of a folder above."""
    write(tmp_path, "")
    with pytest.raises(ConfigError, match=r"There is no folder .*typo"):
        load(tmp_path / "typo")


def test_variables_stand_above_the_file(tmp_path):
    """Ledger, plugins and single keys of providers; other keys of the file stay."""
    write(tmp_path, 'ledger = "a.db"\nplugins = ["x"]\n[providers.gemini]\nbase_url = "a"\nkept = 1')
    config = load(
        tmp_path,
        EMBEDLANE_LEDGER="b.db",
        EMBEDLANE_PLUGINS="one, two",
        EMBEDLANE_PROVIDERS__GEMINI__BASE_URL="b",
        EMBEDLANE_PROVIDERS__GEMINI_LEGACY__REQUESTS_PER_MINUTE="60",
        UNRELATED="c",
    )
    assert config.ledger == tmp_path / "b.db"
    assert [name.strip() for name in config.plugins] == ["one", "two"]
    assert config.providers == {
        "gemini": {"base_url": "b", "kept": 1},
        "gemini-legacy": {"requests_per_minute": 60},
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("60", 60),
        ("0.5", 0.5),
        ("true", True),
        ("yes", "yes"),
        ("'60'", "'60'"),
        ("[1]", "[1]"),
        ("2026-01-01", "2026-01-01"),
        ("", ""),
        ("http://127.0.0.1:8085", "http://127.0.0.1:8085"),
    ],
)
def test_a_variable_is_a_number_or_a_truth_value_where_it_looks_like_one(tmp_path, text, value):
    """Everything else is taken as text, as it stands."""
    settings = load(tmp_path, EMBEDLANE_PROVIDERS__ACME__KEY=text).providers["acme"]
    assert settings == {"key": value}
    assert type(settings["key"]) is type(value)


@pytest.mark.parametrize(
    "name", ["EMBEDLANE_LEGDER", "EMBEDLANE_", "EMBEDLANE_PROVIDERS__GEMINI", "EMBEDLANE_PROVIDERS____KEY"]
)
def test_a_variable_that_sets_nothing_is_refused(tmp_path, name):
    """A slip in a name would otherwise go unseen; the hint lists those there are."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, **{name: "x"})
    assert caught.value.message == f"The variable {name} sets nothing."
    assert "EMBEDLANE_PROVIDERS__NAME__KEY" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("legder = 'x'", "FILE: unknown key 'legder' (did you mean 'ledger'?)."),
        ("ledger = 3", "FILE: ledger: expected text, not 3."),
        ("plugins = 'minilm'", "FILE: plugins: expected a list, not 'minilm'."),
        ("plugins = [1]", "FILE: plugins[0]: expected text, not 1."),
        ("indexes = 3", "FILE: indexes: expected a table, not 3."),
        ("[indexes.docs]", "FILE: indexes.docs.model: this key is missing."),
        ("[indexes.docs]\nmodel = 'hash'", "FILE: indexes.docs.model: 'hash' is not a model id."),
        (
            "[indexes.docs]\nmodel = 'a:b'\ndimension = 3",
            "FILE: indexes.docs: unknown key 'dimension' (did you mean 'dimensions'?).",
        ),
        (
            "[indexes.docs]\nmodel = 'a:b'\ndimensions = 768.5",
            "FILE: indexes.docs.dimensions: expected a whole number, not 768.5.",
        ),
        (
            "[indexes.docs]\nmodel = 'a:b'\ndimensions = 0",
            "FILE: indexes.docs: 'dimensions' must be > 0: 0.",
        ),
        (
            "[indexes.docs]\nmodel = 'a:b'\nchunk_overlap = 600",
            "FILE: indexes.docs: overlap 600 is not smaller than the size 512.",
        ),
        (
            "[indexes.docs]\nmodel = 'a:b'\non_too_long = 'cut'",
            "FILE: indexes.docs.on_too_long: expected one of error, truncate, chunk, not 'cut'.",
        ),
        ("[routes.gemini]\nsync = 'x'", "FILE: routes.gemini: 'gemini' is not a model id."),
        ("[routes.'a:b']\nsync = true", 'FILE: routes."a:b".sync: expected text, not True.'),
        ("[routes.'a:b']\nbulk = 'x'", "FILE: routes.\"a:b\": unknown key 'bulk' (known are batch, sync)."),
        ("providers = 3", "FILE: providers: expected a table, not 3."),
        ("[providers]\ngemini = 3", "FILE: providers.gemini: expected a table, not 3."),
        (CARD.replace("native = 8", "native = '8'"), "FILE: models[0].dimensions.native: expected a whole"),
        (CARD + "override = 1", "FILE: models[0].override: expected true or false, not 1."),
        ("models = 3", "FILE: models: expected a list, not 3."),
        ("ledger = 'mysql://u:p@h/d'", "FILE: ledger: mysql:// is not supported."),
        ("ledger = 'postgresql://u:p@p@h/d'", "FILE: ledger: it has more than one @."),
        ("ledger = ' '", "FILE: ledger: it is empty."),
        ("ledger = 'a.db'\nplugins = [", "FILE is not TOML: Invalid value (at end of document)"),
        ("ledger = 'a.db'\nx = =", "FILE is not TOML: Invalid value (at line 2, column 5)"),
    ],
)
def test_a_wrong_key_is_refused_with_its_file_and_path(tmp_path, text, message):
    """The error starts with the file, then the key's path, then what is wrong with the value."""
    # The variable must not hide a table that is none.
    assert problem(tmp_path, text, EMBEDLANE_PROVIDERS__GEMINI__KEY="1").startswith(message)


def test_all_wrong_keys_are_named_at_once(tmp_path):
    """One line for each, so that nobody mends them one by one."""
    message = problem(tmp_path, "ledger = 1\nplugins = 2")
    assert message.splitlines() == [
        "FILE: ledger: expected text, not 1.",
        "FILE: plugins: expected a list, not 2.",
    ]


def test_wrong_tables_in_pyproject_are_refused(tmp_path):
    """The same checks hold in both files."""
    assert problem(tmp_path, "[tool.embedlane]\nx = 1", "pyproject.toml").startswith(
        "FILE: unknown key 'x' ("
    )
    named = write(tmp_path, "[tool]\nembedlane = 3", "pyproject.toml")
    message = problem(tmp_path, None, "pyproject.toml", EMBEDLANE_CONFIG=str(named))
    assert message == "FILE: tool.embedlane: expected a table, not 3."


def test_a_file_that_is_not_utf_8_is_refused(tmp_path):
    """TOML is UTF-8."""
    (tmp_path / "embedlane.toml").write_bytes(b"ledger = '\xff'")
    assert problem(tmp_path).startswith("FILE is not TOML: ")


def test_a_wrong_ledger_of_the_environment_names_the_variable(tmp_path):
    """Not the file, which is right."""
    write(tmp_path, "ledger = 'a.db'")
    message = problem(tmp_path, EMBEDLANE_LEDGER="mysql://x")
    assert message == "EMBEDLANE_LEDGER: ledger: mysql:// is not supported."


def test_a_ledger_may_lie_anywhere(tmp_path, monkeypatch):
    """Absolute paths stay, and ~ is the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert load(tmp_path, EMBEDLANE_LEDGER="/x/lane.db").ledger == Path("/x/lane.db")
    assert load(tmp_path, EMBEDLANE_LEDGER="~/lane.db").ledger == tmp_path / "home" / "lane.db"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_ledger_may_be_on_a_server(tmp_path, scheme):
    """Its folder is then where the default ledger would be; its password is not shown."""
    address = f"{scheme}://me:secret@host/db?sslmode=require"
    write(tmp_path, f"ledger = '{address}'")
    config = load(tmp_path)
    assert config.ledger == Server(address)
    assert config.directory == tmp_path / ".embedlane"
    assert "secret" not in repr(config)


def test_what_lies_beside_a_file_lies_beside_it(tmp_path):
    """The folder of batch files is that of the ledger's file."""
    assert load(tmp_path, EMBEDLANE_LEDGER="/x/lane.db").directory == Path("/x")


def test_cards_are_added_and_may_take_the_place_of_others(tmp_path):
    """A card is added unless it says override = true."""
    write(tmp_path, CARD + CARD.replace("acme:one", "acme:two") + "override = true")
    one, two = load(tmp_path).models
    assert (str(one.card.id), one.override) == ("acme:one", False)
    assert (str(two.card.id), two.override) == ("acme:two", True)
    assert one.card.dimensions.native == 8


def test_the_working_directory_and_the_process_are_the_defaults(tmp_path, monkeypatch):
    """Without arguments the configuration is that of where the command runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMBEDLANE_LEDGER", "here.db")
    assert load_config().ledger == Path.cwd() / "here.db"
