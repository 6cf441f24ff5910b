"""The key shows nowhere."""

import logging
import socket
import traceback
from pathlib import Path

import pytest

from embedlane.errors import EmbedlaneError
from embedlane.models.card import Role

KEY = "AIza-the-secret-of-the-tests"
FAULTS = [
    lambda service: service.will_fail(400, "INVALID_ARGUMENT", "API key not valid."),
    lambda service: service.will_fail(
        403, "PERMISSION_DENIED", f"Consumer 'api_key:{KEY}' has been suspended."
    ),
    lambda service: service.will_fail(503, "UNAVAILABLE", "later"),
    lambda service: service.will_say(200, "<html>"),
    lambda service: service.will_say(302, "", Location="http://127.0.0.1:9/"),
    lambda service: service.replies.append(lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)),
]


def told(error):
    """What a reporter of errors prints, with the local variables of each frame but the tests' own."""
    while Path(error.__traceback__.tb_frame.f_code.co_filename).parent == Path(__file__).parent:
        error.__traceback__ = error.__traceback__.tb_next
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


@pytest.mark.parametrize(("transport", "scheme"), [("rest", "http"), ("grpc", "http"), ("grpc", "https")])
def test_reprs_do_not_show_it(opened, key, transport, scheme):
    """An embedder in a debugger or a log line keeps the secret."""
    embedder = opened(transport=transport, base_url=f"{scheme}://localhost:9")
    for each in (embedder, embedder.errors, embedder.client, embedder.client.transport):
        assert key not in repr(each)
        assert key not in str(each)


@pytest.mark.parametrize("fault", FAULTS)
def test_errors_do_not_show_it_even_with_local_variables(opened, service, key, fault):
    """Reporters of errors print the variables of each frame; the SDK's frames hold the headers."""
    fault(service)
    with pytest.raises(EmbedlaneError) as caught:
        opened().embed(["a"], Role.QUERY)
    assert service.requests[0][1]["x-goog-api-key"] == key == KEY
    assert caught.value.__context__ is None
    assert key not in told(caught.value)


def test_logs_do_not_show_it(opened, service, key, caplog):
    """Not at the lowest level, and not in the fields that the SDK adds to a record."""
    with caplog.at_level(logging.DEBUG):
        for name in ("google", "google.auth", "google.ai", "urllib3"):
            caplog.set_level(logging.DEBUG, logger=name)
        opened().embed(["a"], Role.QUERY)
        service.will_fail(403, "PERMISSION_DENIED", "no")
        with pytest.raises(EmbedlaneError):
            opened().embed(["a"], Role.QUERY)
    assert caplog.records
    assert key not in "".join(str(vars(record)) for record in caplog.records)


def test_a_key_that_no_header_can_carry_is_not_repeated(opened):
    """It may be the right key with a letter too many."""
    with pytest.raises(EmbedlaneError) as caught:
        opened(key=f"{KEY}\x00")
    assert KEY not in told(caught.value)
