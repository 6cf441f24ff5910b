"""Job sets: what is pending is a query, a response is kept, and the bill has two prices."""

import pytest
from sqlalchemy.exc import IntegrityError

from embedlane.errors import UnknownNameError
from embedlane.generation.sets import ATTEMPTS, JobSet
from embedlane.providers.values import Refusal, Response
from embedlane.vectors.charges import billed


def response(key, tokens=10, output=3):
    return Response(key, f'{{"said":"{key}"}}', tokens, output)


def test_a_set_is_found_by_its_name_and_by_what_it_asks(world):
    """The name is made of where it comes from, and of what it is."""
    assert world.record.name == "my-set-dddddddd"
    with world.ledger.read() as connection:
        assert JobSet.named(connection, world.record.name) == world.record
        assert JobSet.of(connection, "d" * 64, "test:writer") == world.record
        assert JobSet.of(connection, "d" * 64, "test:other") is None
        assert JobSet.all(connection) == [world.record]
        with pytest.raises(UnknownNameError, match="my-set") as caught:
            JobSet.named(connection, "my-set-ddd")
    assert world.record.name in caught.value.hint


def test_pending_requests_come_in_the_order_of_the_input(world):
    """Page by page, each behind the last key of the page before."""
    with world.ledger.read() as connection:
        first = world.requests.sizes(connection, 0.0, 2)
        rest = world.requests.sizes(connection, 0.0, 10, first[-1][0])
    assert first == [("z", 10), ("y", 10)]
    assert rest == [("x", 10), ("w", 10), ("v", 10)]


def test_requests_in_a_job_are_in_flight_and_in_no_other(world):
    """The ledger itself refuses the second job."""
    world.enter("z", "x")
    assert (world.tally().in_flight, world.tally().pending) == (2, 3)
    assert world.outcomes()["z"].code == "in-flight"
    with pytest.raises(IntegrityError):
        world.enter("x")


def test_a_job_brings_responses_refusals_and_nothing(world):
    """Answered, refused for good, and pending again: each request is exactly one of them."""
    job = world.enter()
    assert world.store(job, [response("z"), response("x")], [Refusal("y", "SAFETY", "blocked")]) == []
    tally = world.tally(100)
    assert (tally.rows, tally.answered, tally.refused, tally.pending, tally.in_flight) == (5, 2, 1, 2, 0)
    # The last request allows 20 tokens only.
    assert (tally.pending_tokens, tally.expected_tokens) == (20, 120)
    found = world.outcomes()
    assert list(found) == list("zyxwv")
    assert (found["z"].response, found["z"].code) == ('{"said":"z"}', "")
    assert (found["y"].code, found["y"].message, found["y"].final) == ("SAFETY", "blocked", True)
    assert (found["w"].code, found["w"].final) == ("pending", False)


def test_a_refusal_that_may_pass_is_tried_a_few_times(world):
    """Then it is refused for good, until somebody asks for it again."""
    for attempt in range(1, ATTEMPTS + 1):
        job = world.enter("z")
        world.store(job, refusals=[Refusal("z", "INTERNAL", "try later", retryable=True)])
        assert world.tally().refused == (attempt == ATTEMPTS)
    assert "INTERNAL" in world.outcomes()["z"].code
    with world.ledger.write() as connection:
        assert world.requests.retry(connection) == 1
    assert world.tally().pending == 5


def test_the_first_response_stays(world):
    """It is paid for; a later one, and a later refusal, change nothing."""
    world.store(world.enter("z"), [response("z")])
    again = world.enter("z")
    world.store(again, [Response("z", '{"said":"else"}')], [Refusal("z", "x", "x")])
    assert world.outcomes()["z"].response == '{"said":"z"}'
    assert world.tally().refused == 0


@pytest.mark.parametrize("body", ["nope", "[]", '"text"', ""])
def test_what_is_no_response_is_refused_but_billed(world, body):
    """The core looks at it itself; the request is tried again."""
    job = world.enter("z")
    (invalid,) = world.store(job, [Response("z", body, 10, 3)])
    assert (invalid.key, invalid.code, invalid.retryable) == ("z", "invalid-response", True)
    with world.ledger.read() as connection:
        (bill,) = billed(connection)
    assert (bill.usage.rows, bill.usage.measured, bill.usage.output) == (0, 10, 3)


def test_the_bill_counts_tokens_in_and_out(world):
    """By the provider's word where there is one, as planned where not; what was blocked is billed, too."""
    job = world.enter()
    blocked = Refusal("w", "SAFETY", "blocked", tokens=8)
    world.store(job, [response("z", 11, 5), response("y", None, None)], [blocked])
    with world.ledger.write() as connection:
        assert world.cargo(job).settle(connection, None, 2.0) is None
        (bill,) = billed(connection, world.record.name)
    usage = bill.usage
    assert (bill.jobset_id, bill.space_id) == (world.record.id, None)
    assert (usage.rows, usage.planned, usage.measured, usage.estimated, usage.output) == (2, 20, 19, 10, 5)
    assert (bill.price, bill.output_price) == (1.0, 4.0)


def test_a_job_streams_its_requests_as_they_were_given(world):
    """In the order of the job, the JSON untouched."""
    job = world.enter("x", "z")
    with world.ledger.read() as connection:
        rows = list(world.cargo(job).rows(connection, job.id))
    assert [(row.key, row.request, row.position) for row in rows] == [
        ("x", '{"ask":"x"}', 0),
        ("z", '{"ask":"z"}', 1),
    ]
    assert all(row.alone for row in rows)
