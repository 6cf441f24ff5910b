"""The gRPC transport, with a server of the service's own protocol."""

import json
import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import grpc
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from google.ai import generativelanguage_v1beta as glm
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from embedlane.errors import CapabilityError, CredentialError, TransientError
from embedlane.models.card import Role
from embedlane_gemini_legacy._checkup import check

PACKAGE = "google.ai.generativelanguage.v1beta"


class Servicer:
    """Embeds by the lengths of texts, or fails as it is told to."""

    def __init__(self):
        self.calls = []
        self.failure = None
        self.silence = threading.Event()
        self.silence.set()

    def embed(self, request, context):
        """Answer one EmbedContent."""
        return glm.EmbedContentResponse(embedding=self._embedding(request))

    def batch_embed(self, request, context):
        """Answer one BatchEmbedContents."""
        self.calls.append((request, dict(context.invocation_metadata())))
        self.silence.wait(5)
        if self.failure is not None:
            context.abort_with_status(rpc_status.to_status(self.failure))
        return glm.BatchEmbedContentsResponse(embeddings=[self._embedding(each) for each in request.requests])

    def get_model(self, request, context):
        """Answer one GetModel."""
        self.calls.append((request, dict(context.invocation_metadata())))
        methods = ["embedContent", "asyncBatchEmbedContent"]
        return glm.Model(name=request.name, input_token_limit=2048, supported_generation_methods=methods)

    @staticmethod
    def _embedding(request):
        size = request.output_dimensionality or 768
        return glm.ContentEmbedding(
            values=[len(request.content.parts[0].text), int(request.task_type), *[0.1] * (size - 2)]
        )

    def will_fail(self, code, message, *details):
        """Fail all that follows."""
        self.failure = status_pb2.Status(code=code, message=message)
        for detail in details:
            self.failure.details.add().Pack(detail)


@pytest.fixture
def servicer():
    """What the server does."""
    return Servicer()


def handler(service, **methods):
    """What gRPC needs to serve *methods*, each with the classes of its request and its reply."""
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(deed, request.deserialize, response.serialize)
        for name, (deed, request, response) in methods.items()
    }
    return grpc.method_handlers_generic_handler(f"{PACKAGE}.{service}", handlers)


@pytest.fixture
def server(servicer):
    """A server without a port."""
    server = grpc.server(ThreadPoolExecutor(8))
    embed = (servicer.embed, glm.EmbedContentRequest, glm.EmbedContentResponse)
    batch = (servicer.batch_embed, glm.BatchEmbedContentsRequest, glm.BatchEmbedContentsResponse)
    model = (servicer.get_model, glm.GetModelRequest, glm.Model)
    server.add_generic_rpc_handlers(
        (
            handler("GenerativeService", EmbedContent=embed, BatchEmbedContents=batch),
            handler("ModelService", GetModel=model),
        )
    )
    yield server
    servicer.silence.set()
    server.stop(None).wait()


@pytest.fixture
def address(server):
    """Where the server listens, without TLS."""
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def by_grpc(opened, address):
    """A function that opens an embedder over gRPC."""
    return lambda *arguments, **settings: opened(*arguments, transport="grpc", base_url=address, **settings)


def test_texts_go_and_vectors_come(by_grpc, servicer, key):
    """One call with one request for each text, the task type, the size, and the key in the metadata."""
    raw = by_grpc("google:gemini-embedding-001", 768).embed(["a", "bcd"], Role.DOCUMENT)
    assert [(len(vector), vector[0], vector[1]) for vector in raw.vectors] == [(768, 1, 2), (768, 3, 2)]
    assert raw.vectors[0].dtype == np.float32
    ((request, metadata),) = servicer.calls
    assert request.model == "models/gemini-embedding-001"
    assert [each.content.parts[0].text for each in request.requests] == ["a", "bcd"]
    assert metadata["x-goog-api-key"] == key
    assert metadata["x-goog-request-params"] == "model=models/gemini-embedding-001"
    assert metadata["x-goog-api-client"].startswith("genai-py/0.8.6 ")


def test_the_wire_does_not_change_what_is_sent(by_grpc, opened, service, servicer):
    """REST and gRPC send one message, so both write one space."""
    for make in (by_grpc, opened):
        make("google:gemini-embedding-2", 1536).embed(["a", "ü"], Role.QUERY)
    sent = glm.BatchEmbedContentsRequest.from_json(json.dumps(service.requests[0][2]))
    assert servicer.calls[0][0].requests == sent.requests


def test_threads_share_a_channel(by_grpc):
    """Calls that are under way at once get their own answers."""
    embedder = by_grpc()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: embedder.embed(["x" * n], Role.QUERY).vectors[0][0], range(1, 40)))
    assert answers == list(range(1, 40))


def test_a_pause_in_the_status_is_passed_on(by_grpc, servicer):
    """RetryInfo is read from the details of the status; the SDK does not try again by itself."""
    pause = error_details_pb2.RetryInfo()
    pause.retry_delay.FromMilliseconds(2500)
    servicer.will_fail(code_pb2.RESOURCE_EXHAUSTED, "quota", error_details_pb2.Help(), pause)
    with pytest.raises(TransientError, match="429 RESOURCE_EXHAUSTED: quota") as caught:
        by_grpc().embed(["a"], Role.QUERY)
    assert caught.value.retry_after == 2.5
    assert len(servicer.calls) == 1


def test_an_overload_is_not_tried_again_by_the_sdk(by_grpc, servicer):
    """One call, one request, and the core decides."""
    servicer.will_fail(code_pb2.UNAVAILABLE, "later")
    with pytest.raises(TransientError, match="later"):
        by_grpc().embed(["a"], Role.QUERY)
    assert len(servicer.calls) == 1


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (code_pb2.NOT_FOUND, "models/X is not found", CapabilityError),
        (code_pb2.UNAUTHENTICATED, "no", CredentialError),
        (code_pb2.INVALID_ARGUMENT, "API key not valid. Please pass a valid API key.", CredentialError),
    ],
)
def test_a_status_means_what_it_means_over_rest(by_grpc, servicer, code, message, kind):
    """The table of errors is one for both transports."""
    servicer.will_fail(code, message)
    with pytest.raises(kind):
        by_grpc().embed(["a"], Role.QUERY)


def test_a_silent_server_is_left_after_the_timeout(by_grpc, servicer):
    """A call ends though no answer comes."""
    servicer.silence.clear()
    with pytest.raises(TransientError, match=r"within 0\.1 s"):
        by_grpc(timeout=0.1).embed(["a"], Role.QUERY)


def test_nobody_there_is_worth_another_try(opened):
    """A refused connection may be over later."""
    with pytest.raises(TransientError, match="UNAVAILABLE"):
        opened(transport="grpc", base_url="http://127.0.0.1:9").embed(["a"], Role.QUERY)


def test_the_key_is_in_no_log_and_no_traceback(by_grpc, servicer, key, caplog):
    """The SDK logs the metadata that it sees; the key is added below it."""
    embedder = by_grpc()
    with caplog.at_level(logging.DEBUG):
        caplog.set_level(logging.DEBUG, logger="google.ai.generativelanguage_v1beta")
        embedder.embed(["a"], Role.QUERY)
        servicer.will_fail(code_pb2.PERMISSION_DENIED, f"Consumer 'api_key:{key}' has been suspended.")
        with pytest.raises(CredentialError, match=r"'api_key:\[key\]' has been suspended") as caught:
            embedder.embed(["a"], Role.QUERY)
    assert caught.value.__context__ is None
    assert "x-goog-request-params" in "".join(str(vars(record)) for record in caplog.records)
    assert key not in "".join(str(vars(record)) for record in caplog.records)


def test_the_doctor_asks_over_grpc(context, address, servicer, key):
    """The same transport, the same key."""
    assert [each.level for each in check(context(transport="grpc", base_url=address))] == ["ok", "ok"]
    ((request, metadata),) = servicer.calls
    assert request.name == "models/gemini-embedding-001"
    assert metadata["x-goog-api-key"] == key


def certificate():
    """A key and a certificate for ``localhost`` that signs itself, both as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(
            name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return private, signed.public_bytes(serialization.Encoding.PEM)


def test_tls_is_used_and_the_key_goes_through_it(server, servicer, tmp_path):
    """An https address means TLS. In a process of its own, for gRPC reads its variable only once."""
    pair = certificate()
    port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([pair]))
    server.start()
    roots = tmp_path / "roots.pem"
    roots.write_bytes(pair[1])
    code = (
        "from embedlane_gemini_legacy._clients import open_client\n"
        "from embedlane_gemini_legacy._sdk import protos\n"
        "from embedlane_gemini_legacy._settings import LegacySettings\n"
        f"settings = LegacySettings(transport='grpc', base_url='https://localhost:{port}')\n"
        "request = protos.BatchEmbedContentsRequest(model='models/m')\n"
        "open_client(settings, 'over-tls').batch_embed_contents(request, retry=None, timeout=5)\n"
    )
    environment = {**os.environ, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(roots)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert servicer.calls[0][1]["x-goog-api-key"] == "over-tls"
