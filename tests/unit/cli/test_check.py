"""``embedlane index check``, and what commands say while a model has drifted."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import select, update

from embedlane import Workspace
from embedlane.ledger.schema import canaries


@pytest.fixture
def drifted(docs, lane):
    """A folder whose index ``docs`` is embedded in part, by what was another model."""
    assert lane("embed", "docs", "--limit", "1").status == 0
    with Workspace.open(docs) as workspace, workspace.ledger.write() as connection:
        for row in connection.execute(select(canaries)).all():
            turned = np.roll(np.frombuffer(row.vector, "<f4"), 3).tobytes()
            connection.execute(update(canaries).where(canaries.c.key == row.key).values(vector=turned))
    return docs


def test_a_model_that_is_itself_ends_with_0(docs, lane):
    """Each canary is a line; the first check sets the references, the second compares."""
    first = lane("index", "check", "docs")
    assert first.status == 0
    assert first.out.count(" first") == 6
    second = lane("index", "check", "docs")
    assert (second.status, second.err) == (0, "")
    assert second.out.count("1.000000") == second.out.count(" same") == 6
    view = lane("index", "check", "docs", "--json").json
    assert {check["verdict"] for check in view["canaries"]} == {"same"}
    assert (view["drift"], view["silent"]) == ("", {})


def test_a_drifted_model_ends_with_3_and_says_what_to_do(drifted, lane):
    """The check, both lanes and the doctor."""
    for command in (("embed", "docs"), ("embed", "docs", "--lane", "batch", "--wait")):
        answer = lane(*command)
        assert answer.status == 3
        assert "local:hash has drifted: the sync lane of hash answers 6 of 6 canaries" in answer.err
        assert "`embedlane index check docs`" in answer.err
    check = lane("index", "check", "docs", "--json")
    assert check.status == 3
    assert {each["verdict"] for each in check.json["canaries"]} == {"drifted"}
    assert "nothing is sent for 'docs'" in check.err
    assert "index docs" in lane("doctor").out


def test_a_check_of_an_unknown_index_ends_with_2(docs, lane):
    """Near misses are named."""
    answer = lane("index", "check", "doc")
    assert answer.status == 2
    assert "'docs'" in answer.err
