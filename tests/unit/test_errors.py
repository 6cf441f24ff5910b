"""The error tree."""

import inspect
import pickle
import re

import pytest

from embedlane import errors
from embedlane.errors import EmbedlaneError, TransientError, UnknownNameError

CLASSES = [cls for cls in vars(errors).values() if inspect.isclass(cls) and issubclass(cls, EmbedlaneError)]
STATUSES = {"SetupError": 2, "RefusedError": 3, "ProviderError": 4, "IncompleteError": 5}


def tree(cls, indent=""):
    """The lines of the tree below *cls*, drawn as at the top of the module."""
    children = cls.__subclasses__()
    for child in children:
        last = child is children[-1]
        yield f"{indent}{'└── ' if last else '├── '}{child.__name__}"
        yield from tree(child, indent + ("    " if last else "│   "))


def test_the_tree_at_the_top_of_the_module_is_the_real_one():
    """Every class is drawn at its place, in the order of the module."""
    text = errors.__doc__.partition("    EmbedlaneError\n")[2].partition("\n\n")[0]
    drawn = [re.match(r"    ([│├└─ ]*\w+)", line)[1] for line in text.splitlines()]
    assert drawn == list(tree(EmbedlaneError))


def test_the_tree_says_the_exit_statuses():
    """The numbers in brackets are those of the classes."""
    drawn = dict(re.findall(r"(\w+) \((\d)\)", errors.__doc__))
    assert {name: int(status) for name, status in drawn.items()} == STATUSES


@pytest.mark.parametrize("cls", CLASSES)
def test_each_branch_has_one_exit_status(cls):
    """A class ends the command line with the status of its branch."""
    branch = (
        cls.__mro__[-5] if cls is not EmbedlaneError else None
    )  # …, Error, Exception, BaseException, object
    expected = STATUSES[branch.__name__] if branch else 1
    assert cls.exit_status == expected


@pytest.mark.parametrize("cls", CLASSES)
def test_an_error_says_what_happened_and_what_to_do_next(cls):
    """The hint follows the message; without one there is nothing after it."""
    assert str(cls("It broke.", "Mend it.")) == "It broke. Mend it."
    assert str(cls("It broke.")) == "It broke."


@pytest.mark.parametrize("cls", CLASSES)
def test_an_error_survives_pickling(cls):
    """A process pool hands errors over with all their fields."""
    extra = {"retry_after": 2.5, "code": "400", "retryable": True}
    fields = [field.name for field in cls.__attrs_attrs__]
    error = cls(*[extra.get(name, name) for name in fields])
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert {name: getattr(again, name) for name in fields} == {name: getattr(error, name) for name in fields}
    assert str(again) == "message hint"


@pytest.mark.parametrize("cls", CLASSES)
def test_an_error_behaves_like_an_exception(cls):
    """It can be hashed, compared by identity, chained and noted, as tools do with exceptions."""
    error = cls("It broke.")
    error.add_note("while testing")
    assert error != cls("It broke.")
    assert len({error, error}) == 1
    with pytest.raises(EmbedlaneError) as caught:
        raise error from KeyError("cause")
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize("cls", CLASSES)
def test_each_class_says_when_it_is_raised(cls):
    """A sentence of its own, not that of its parent."""
    assert inspect.getdoc(cls) != inspect.getdoc(cls.__mro__[1])
    assert cls.__doc__.endswith(".")


def test_a_delay_is_unknown_unless_said():
    """Callers tell "soon" from "not said"."""
    assert TransientError("busy").retry_after is None
    assert TransientError("busy", "", 0.0).retry_after == 0.0


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("google:gemini-embeding-001", "Did you mean 'google:gemini-embedding-001'? See the list."),
        ("gemini-embedding-001", "Did you mean 'google:gemini-embedding-001'? See the list."),
        ("qqq", "See the list."),
    ],
)
def test_an_unknown_name_lists_near_misses(name, advice):
    """A slip, or a name without its publisher, is answered with what may be meant."""
    known = ["google:gemini-embedding-001", "local:hash"]
    error = UnknownNameError.among("model", name, known, "See the list.")
    assert error.message == f"There is no model {name!r}."
    assert error.hint == advice


def test_near_misses_are_not_repeated():
    """A name that is near in two ways is listed once; without any there is no hint."""
    assert UnknownNameError.among("index", "doc", ["docs", "talks"]).hint == "Did you mean 'docs'?"
    assert UnknownNameError.among("index", "doc", []).hint == ""
