"""Reading requests: what is right is kept in order, what is wrong is refused with its place, all at once."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedlane.errors import InputError
from embedlane.generation.reading import LONGEST_KEY, Request, lines_of, rows_of, spooled
from embedlane.providers.values import Prompt, RequestSize


class Form:
    """An API whose requests are {"ask": text}."""

    def problem(self, request):
        """A text."""
        return "" if "ask" in request else "it asks nothing"

    def size(self, request):
        """Its length."""
        return RequestSize(characters=len(request["ask"]), output_tokens=request.get("most"))

    def compose(self, prompt):
        """Instruction and question in one."""
        return {"ask": f"{prompt.system}{prompt.text}"}

    def constrain(self, request, schema):
        """Beside the question."""
        return {**request, "as": schema}


def read(rows, place, schema=None):
    with spooled(rows, Form(), schema, place, "here") as found:
        return list(found), found.digest


def refused(rows, place):
    with pytest.raises(InputError) as caught, spooled(rows, Form(), None, place, "here"):
        pass
    return caught.value.message


def test_rows_may_be_mappings_pairs_prompts_and_texts(tmp_path):
    """What comes without a key is called by its number."""
    rows = [
        {"key": "a", "request": {"ask": "one", "most": 5}},
        ("b", {"ask": "two"}),
        ("c", Prompt(text="three", system="Say: ")),
        "four",
    ]
    found, _ = read(rows_of(rows), tmp_path)
    assert found == [
        Request("a", '{"ask":"one","most":5}', 3, 5),
        Request("b", '{"ask":"two"}', 3, None),
        Request("c", '{"ask":"Say: three"}', 10, None),
        Request("3", '{"ask":"four"}', 4, None),
    ]


def test_a_schema_is_put_into_each_request(tmp_path):
    """In the API's own form; it changes the digest."""
    plain, digest = read(rows_of(["Why?"]), tmp_path)
    bound, other = read(rows_of(["Why?"]), tmp_path, {"type": "object"})
    assert json.loads(bound[0].body) == {"ask": "Why?", "as": {"type": "object"}}
    assert (json.loads(plain[0].body), digest == other) == ({"ask": "Why?"}, False)


def test_all_wrong_lines_are_told_with_their_numbers(tmp_path):
    """Empty lines are no rows; a line is counted as an editor does."""
    file = tmp_path / "in.jsonl"
    good = '{"key": "a", "request": {"ask": "x"}}'
    file.write_text(f'{good}\n\nnope\n{good}\n[1]\n{{"request": {{}}}}\n{{"key": "b", "request": {{}}}}\n')
    message = refused(lines_of(file), tmp_path)
    assert message.startswith("here: 5 of 6 rows can't be sent.")
    for place in (
        "line 3: it is not JSON",
        "line 4: its key 'a' is that of line 1",
        "line 5: it is no object",
    ):
        assert place in message
    assert "line 6: it has no key" in message
    assert "line 7: it asks nothing" in message


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"key": "a"}, "it has no request"),
        ({"key": 1, "request": {"ask": ""}}, "it has no key"),
        ({"key": "", "request": {"ask": ""}}, "it has no key"),
        ({"key": "k" * (LONGEST_KEY + 1), "request": {"ask": ""}}, "longer than"),
        ({"key": "a\nb", "request": {"ask": ""}}, "can't be printed"),
        ({"key": "a", "request": {"ask": ""}, "config": {}}, "'config' beside"),
        (("a", {"ask": "x", "with": object()}), "no JSON"),
        (7, "no object"),
    ],
)
def test_what_can_not_be_a_row_is_refused(tmp_path, row, problem):
    """With its number, and why."""
    message = refused(rows_of([row]), tmp_path)
    assert "row 0: " in message
    assert problem in message


def test_nothing_is_refused_as_nothing(tmp_path):
    """A file without a line is a mistake."""
    assert "no request" in refused(rows_of([]), tmp_path)


def test_a_file_that_is_not_there_is_an_input_error(tmp_path):
    """Not a traceback."""
    with pytest.raises(InputError, match="can't be read"):
        list(lines_of(tmp_path / "none.jsonl"))


def test_of_many_problems_the_first_are_listed(tmp_path):
    """And the others counted."""
    message = refused(rows_of([{"key": str(n)} for n in range(1000)]), tmp_path)
    assert message.count("it has no request") == 20
    assert "980 more" in message


@given(texts=st.lists(st.text(max_size=20), min_size=1, max_size=20))
def test_rows_come_back_in_order_and_the_digest_tells_them_apart(tmp_path_factory, texts):
    """Read twice, they are the same; with one more, they are others."""
    place = Path(tmp_path_factory.getbasetemp())
    rows = [(f"k{number}", {"ask": text}) for number, text in enumerate(texts)]
    found, digest = read(rows_of(rows), place)
    assert [(each.key, json.loads(each.body)["ask"]) for each in found] == [(k, r["ask"]) for k, r in rows]
    assert read(rows_of(rows), place)[1] == digest
    assert read(rows_of([*rows, "more"]), place)[1] != digest
