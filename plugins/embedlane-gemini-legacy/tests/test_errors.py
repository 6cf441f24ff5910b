"""The table of errors: nothing that the SDK can raise is left out."""

import inspect

import google.api_core.exceptions as core
import google.auth.exceptions as auth
import grpc
import pytest
import requests.exceptions as http
from google.protobuf import any_pb2, duration_pb2, json_format
from google.rpc import error_details_pb2

from embedlane.errors import (
    CapabilityError,
    ConfigError,
    CredentialError,
    EmbedlaneError,
    ProviderError,
    RequestRefusedError,
    ResponseError,
    TransientError,
)
from embedlane.models.card import Role
from embedlane_gemini_legacy._errors import SDK_ERRORS, Translator
from embedlane_gemini_legacy._settings import LegacySettings

RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "45.4s"}
QUOTA = "type.googleapis.com/google.rpc.QuotaFailure"
INFO = "type.googleapis.com/google.rpc.ErrorInfo"
#: Raised by the asynchronous REST transport of other SDKs when it is called wrongly; not an error of a call.
NOT_OURS = {core.AsyncRestUnsupportedParameterError}


def exported(module):
    """The exceptions of *module*'s own that are no warnings."""
    return [
        each
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, Exception)
        and not issubclass(each, Warning)
        and each.__module__ == module.__name__
    ]


def example(kind):
    """An instance of *kind*, whatever it takes."""
    for arguments in (("words",), ("words", None), ("words", "more", 3)):
        try:
            return kind(*arguments)
        except TypeError:
            continue
    return pytest.fail(f"no idea how to make {kind}")


def translate(error, now=0.0):
    return Translator("gemini-embedding-001", LegacySettings(), clock=lambda: now).translate(error)


@pytest.mark.parametrize(
    "kind", {*exported(core), *exported(http), *exported(auth)} - NOT_OURS, ids=lambda k: k.__name__
)
def test_every_exported_exception_is_caught_and_translated(kind):
    """A new class of a later release is found here, not by a user."""
    assert issubclass(kind, SDK_ERRORS)
    error = translate(example(kind))
    assert isinstance(error, EmbedlaneError)
    assert error.message.endswith((".", "words"))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (core.InvalidArgument("x"), RequestRefusedError),
        (core.OutOfRange("x"), RequestRefusedError),
        (core.Conflict("x"), RequestRefusedError),
        (core.Unauthenticated("x"), CredentialError),
        (core.PermissionDenied("x"), CredentialError),
        (core.NotFound("x"), CapabilityError),
        (core.MethodNotImplemented("x"), CapabilityError),
        (core.ResourceExhausted("x"), TransientError),
        (core.Aborted("x"), TransientError),
        (core.Cancelled("x"), TransientError),
        (core.InternalServerError("x"), TransientError),
        (core.Unknown("x"), TransientError),
        (core.BadGateway("x"), TransientError),
        (core.ServiceUnavailable("x"), TransientError),
        (core.DeadlineExceeded("x"), TransientError),
        (core.RetryError("x", core.NotFound("x")), CapabilityError),
        (core.RetryError("x", None), TransientError),
        (core.from_http_status(408, "x"), TransientError),
        (core.from_http_status(425, "x"), TransientError),
        (core.from_http_status(413, "x"), RequestRefusedError),
        (core.from_http_status(529, "x"), TransientError),
        (core.GoogleAPICallError("x"), TransientError),
        (core.GoogleAPIError("x"), ProviderError),
        (core.MovedPermanently("x"), ConfigError),
        (http.ReadTimeout("x"), TransientError),
        (http.ConnectTimeout("x"), TransientError),
        (http.ProxyError("x"), TransientError),
        (http.SSLError("UNEXPECTED_EOF_WHILE_READING"), TransientError),
        (http.SSLError("CERTIFICATE_VERIFY_FAILED"), ConfigError),
        (http.InvalidURL("x"), ConfigError),
        (http.TooManyRedirects("x"), ConfigError),
        (auth.TransportError("x"), TransientError),
        (auth.RefreshError("x"), CredentialError),
        (grpc.RpcError("x"), TransientError),
        (json_format.ParseError("x"), ResponseError),
    ],
    ids=lambda value: value.__name__ if inspect.isclass(value) else repr(value),
)
def test_the_class_is_the_decision_that_can_be_taken(error, kind):
    """What may succeed later is transient, what has to be changed says so."""
    assert type(translate(error)) is kind


@pytest.mark.parametrize(
    ("message", "details", "kind"),
    [
        ("API key not valid. Please pass a valid API key.", [], CredentialError),
        ("API key expired. Please renew the API key.", [], CredentialError),
        ("words to come", [{"@type": INFO, "reason": "API_KEY_INVALID"}], CredentialError),
        ("words to come", [{"@type": INFO, "reason": "OTHER"}], RequestRefusedError),
        ("User location is not supported for the API use.", [], ProviderError),
        (
            "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch\n",
            [],
            RequestRefusedError,
        ),
    ],
)
def test_a_400_is_read_for_what_it_means(opened, service, message, details, kind):
    """The service says 400 also to a bad key, which no halving of the texts would help."""
    service.will_fail(400, "INVALID_ARGUMENT", message, *details)
    with pytest.raises(kind) as caught:
        opened().embed(["a"], Role.QUERY)
    assert type(caught.value) is kind
    assert " ".join(message.split()) in caught.value.message


def test_a_refusal_has_the_code_of_the_service(opened, service):
    """The status is kept for the record of refused texts."""
    service.will_fail(400, "FAILED_PRECONDITION", "no")
    with pytest.raises(RequestRefusedError, match="400 FAILED_PRECONDITION: no") as caught:
        opened().embed(["a"], Role.QUERY)
    assert caught.value.code == "FAILED_PRECONDITION"
    service.will_say(413, "too large")
    with pytest.raises(RequestRefusedError, match="413: too large") as caught:
        opened().embed(["a"], Role.QUERY)
    assert caught.value.code == "413"


@pytest.mark.parametrize(
    "message", ["Your API key was reported as leaked.", "Method doesn't allow unregistered callers"]
)
def test_a_403_is_a_matter_of_the_key(opened, service, message):
    """A key that is known but not allowed has to be changed."""
    service.will_fail(403, "PERMISSION_DENIED", message)
    with pytest.raises(CredentialError, match="GEMINI_API_KEY or GOOGLE_API_KEY"):
        opened().embed(["a"], Role.QUERY)


def test_a_model_that_is_gone_is_no_fault_of_the_texts(opened, service):
    """The core would try each text alone if this were a refusal of the request."""
    service.will_fail(404, "NOT_FOUND", "models/X is not found for API version v1beta")
    with pytest.raises(CapabilityError, match="embedlane models show google:gemini-embedding-001"):
        opened().embed(["a"], Role.QUERY)


def test_the_pause_that_the_service_asks_for_is_passed_on(opened, service):
    """RetryInfo becomes `retry_after`, also where the error stands in a list."""
    error = {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED", "details": [RETRY]}
    service.will_say(429, [{"error": error}])
    with pytest.raises(TransientError, match="429 RESOURCE_EXHAUSTED") as caught:
        opened().embed(["a"], Role.QUERY)
    assert caught.value.retry_after == 45.4


def test_a_pause_in_a_header_counts_where_there_is_no_retryinfo(opened, service):
    """Retry-After in seconds is honoured; a date is left aside."""
    for value, seconds in [("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None)]:
        service.will_say(503, "", Retry_After=value)
        with pytest.raises(TransientError) as caught:
            opened().embed(["a"], Role.QUERY)
        assert caught.value.retry_after == seconds


def test_a_429_without_details_leaves_the_pause_to_the_core(opened, service):
    """Nothing is made up where the service says nothing."""
    service.will_fail(429, "RESOURCE_EXHAUSTED", "quota")
    with pytest.raises(TransientError) as caught:
        opened().embed(["a"], Role.QUERY)
    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    ("now", "pause"), [(0.0, 8 * 3600.0), (8 * 3600.0, 86_400.0), (20 * 3600.0, 12 * 3600.0)]
)
def test_a_days_quota_is_waited_for_until_the_day_is_over(now, pause):
    """The RetryInfo that comes with it is shorter than the quota's day, so it is not used."""
    failure = {"@type": QUOTA, "violations": [{"quotaId": "EmbedContentRequestsPerDayPerUser-FreeTier"}]}
    error = translate(core.TooManyRequests("x", details=[failure, RETRY]), now)
    assert error.retry_after == pause
    assert "midnight in California" in error.hint


def test_details_of_grpc_are_read_like_those_of_rest():
    """Protobuf messages and dicts say the same; one of an unknown kind says nothing."""
    pause = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=3, nanos=500_000_000))
    unknown = any_pb2.Any(type_url="type.googleapis.com/of.another.Kind", value=b"x")
    assert translate(core.ResourceExhausted("x", details=[unknown, pause])).retry_after == 3.5


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>Bad gateway</html>",
        "[]",
        "[3]",
        '"x"',
        "null",
        '{"error": "x"}',
        '{"error": {"details": [1]}}',
    ],
)
def test_an_error_body_of_any_kind_is_still_an_error(opened, service, body):
    """The SDK can't read some of them, and would raise an AttributeError."""
    service.will_say(502, body)
    with pytest.raises(TransientError, match="answered 502: "):
        opened().embed(["a"], Role.QUERY)
