"""An honest plugin for the toy service: what each liar differs from in one thing."""

import asyncio
import http.client
import json
from datetime import timedelta
from urllib.parse import urlsplit

import attrs
from toy_service import SERVICES

from embedlane.plugin import (
    BatchLimits,
    ConfigError,
    CreateAmbiguousError,
    CreateRejectedError,
    CredentialError,
    Dimensions,
    InputLimits,
    Malformed,
    ModelCard,
    Normalisation,
    Observation,
    RawEmbeddings,
    Refusal,
    RemoteJob,
    RemoteState,
    RequestRefusedError,
    Role,
    Route,
    StagedInput,
    TaskMechanism,
    TaskScheme,
    TransientError,
    Vector,
)
from embedlane.testing import Subject

CARD = ModelCard(
    id="toy:words",
    lanes={"sync", "batch"},
    dimensions=Dimensions(native=32, smallest=16, recommended=(24,)),
    limits=InputLimits(tokens_per_input=200, inputs_per_request=20),
    tasks=TaskScheme(mechanism=TaskMechanism.PARAM, document="document", query="query"),
    normalisation=Normalisation.ALWAYS,
)
STATES = {
    "working": RemoteState.RUNNING,
    "done": RemoteState.SUCCEEDED,
    "cancelled": RemoteState.CANCELLED,
    "expired": RemoteState.EXPIRED,
    "failed": RemoteState.FAILED,
}
OK = 200


@attrs.define
class Answer:
    """What one request came to."""

    #: 0 if no answer came.
    status: int
    body: bytes = b""
    retry_after: float | None = None


@attrs.define
class Toy:
    """What both lanes share. A liar overrides one method of a subclass."""

    #: The rule that a liar breaks.
    breaks = ""

    context: object
    key: str = attrs.field(repr=False)
    url: str = ""

    @classmethod
    def open(cls, context):
        """Open the lane."""
        for setting in context.settings:
            if setting != "base_url":
                raise ConfigError(f"providers.toy.{setting}: there is no such setting.")
        return cls(context, context.credential(), context.settings["base_url"])

    @classmethod
    def checkup(cls, context):
        """Say that all is well."""
        yield Observation(level="ok", message="the toy is there")

    @classmethod
    def counter(cls, context):
        """Count words."""
        return Words()

    @classmethod
    def route(cls, lane, factory):
        """The route to a class."""
        place = f"{factory.__module__}:{factory.__qualname__}"
        return Route(
            provider="toy",
            models=[CARD.id],
            lane=lane,
            factory=f"{place}.open",
            counter=f"{place}.counter",
            checkup=f"{place}.checkup",
            credentials=("TOY_KEY",),
            install="pip install toy",
        )

    def send(self, method, path, body=b""):
        """One request; over HTTP only if something stands between us and the service: it takes time."""
        if self.url in SERVICES:
            return Answer(*SERVICES[self.url].answer(method, path, self.key, body))
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=10)
        try:
            connection.request(method, parts.path + path, body, {"X-Key": self.key})
            answer = connection.getresponse()
            pause = answer.headers.get("Retry-After")
            return Answer(answer.status, answer.read(), float(pause) if pause else None)
        except http.client.IncompleteRead as error:
            return Answer(0, error.partial)
        except (OSError, http.client.HTTPException):
            return Answer(0)
        finally:
            connection.close()

    def error(self, answer):
        """The core's error for an answer that is none."""
        words = f"the toy said {answer.status}: {answer.body.decode(errors='replace')}".replace(
            self.key, "[key]"
        )
        if answer.status == 401:
            return CredentialError(words)
        if answer.status in (0, 429) or answer.status >= 500:
            return TransientError(words, retry_after=answer.retry_after)
        return RequestRefusedError(words)

    def asked(self, method, path, body=None):
        """What the service answers, as JSON."""
        answer = self.send(method, path, b"" if body is None else json.dumps(body).encode())
        if answer.status != OK:
            raise self.error(answer)
        return self.read(answer)

    def read(self, answer):
        """The JSON of an answer."""
        try:
            return json.loads(answer.body)
        except ValueError:
            raise TransientError("the toy's answer is no JSON") from None

    def close(self):
        """Nothing is open."""


class Words:
    """A counter of words."""

    exact = True

    def count(self, texts):
        """Words of each text."""
        return [len(text.split()) for text in texts]

    def cut(self, text, tokens):
        """The first words of a text."""
        words = text.split(" ")
        return " ".join(words[:tokens])


@attrs.define
class HonestSync(Toy):
    """The sync lane."""

    @classmethod
    def subject(cls, service):
        """What the suite is told."""
        return Subject(card=CARD, sync=cls.route("sync", cls), settings={"base_url": service.url})

    def embed(self, inputs, role):
        """One request."""
        return self.raw(self.asked("POST", "/embed", self.request(inputs, role)))

    def request(self, inputs, role):
        """What is sent."""
        space = self.context.space
        return {"texts": list(inputs), "task": space.tasks.of(Role(role)), "size": space.dimensions}

    def raw(self, answer):
        """What is returned."""
        return RawEmbeddings(vectors=answer["vectors"], tokens=answer["tokens"])

    async def aembed(self, inputs, role):
        """The same in a thread."""
        return await asyncio.to_thread(self.embed, inputs, role)


@attrs.define
class HonestBatch(Toy):
    """The batch lane."""

    limits = BatchLimits(texts_per_line=3, expires_after=timedelta(hours=1))

    @classmethod
    def subject(cls, service):
        """What the suite is told."""
        return Subject(
            card=CARD,
            sync=cls.route("sync", HonestSync),
            batch=cls.route("batch", cls),
            settings={"base_url": service.url},
            service=service,
        )

    def encode(self, rows):
        """One line."""
        return json.dumps({"rows": [{"key": row.key, "text": row.text} for row in rows]}).encode()

    def stage(self, file, tag):
        """Upload."""
        answer = self.send("POST", "/files", file.path.read_bytes())
        if answer.status != OK:
            raise self.error(answer)
        return StagedInput(handle=self.read(answer)["name"], rows=file.rows)

    def create(self, staged, tag):
        """One request, three outcomes."""
        answer = self.send("POST", "/jobs", json.dumps(self.order(staged, tag)).encode())
        if answer.status == OK:
            return self.created(answer)
        raise self.outcome(answer)

    def order(self, staged, tag):
        """What is sent."""
        space = self.context.space
        return {"file": staged.handle, "tag": tag, "task": space.tasks.document, "size": space.dimensions}

    def created(self, answer):
        """The job that an answer tells of."""
        try:
            return self.job(json.loads(answer.body))
        except ValueError:
            raise CreateAmbiguousError("the toy's answer is no JSON") from None

    def outcome(self, answer):
        """What an answer other than a job means."""
        message = self.error(answer).message
        if answer.status == 429:
            return CreateRejectedError(message, retryable=True, retry_after=answer.retry_after)
        if 400 <= answer.status < 500:
            return CreateRejectedError(message)
        return CreateAmbiguousError(message)

    def job(self, told):
        """What the service says of a job."""
        state = STATES.get(told["state"], RemoteState.UNKNOWN)
        return RemoteJob(name=told["name"], state=state, raw_state=told["state"], error=told["error"])

    def find(self, tag):
        """All pages."""
        return [self.job(told) for told in self.listed() if self.matches(told, tag)]

    def matches(self, told, tag):
        """Whether a job has a tag."""
        return told["tag"] == tag

    def listed(self):
        """All jobs."""
        start = 0
        while start is not None:
            page = self.asked("GET", f"/jobs?from={start}")
            yield from page["jobs"]
            start = page["next"]

    def get(self, name):
        """One job."""
        answer = self.send("GET", f"/{name}")
        if answer.status == 404:
            return RemoteJob(name=name, state=RemoteState.GONE)
        if answer.status != OK:
            raise self.error(answer)
        return self.job(self.read(answer))

    def results(self, job):
        """Each line."""
        answer = self.send("GET", f"/{job.name}/rows")
        if answer.status != OK:
            raise self.error(answer)
        if answer.body[:1] not in (b"", b"{"):
            raise TransientError("the toy's results are no lines of JSON")
        for number, line in enumerate(answer.body.splitlines()):
            yield self.result(number, line)

    def result(self, number, line):
        """What a line tells."""
        try:
            told = json.loads(line)
        except ValueError:
            return Malformed(f"line {number} is no JSON")
        if "error" in told:
            return Refusal(told["key"], told["error"]["code"], told["error"]["reason"])
        return Vector(told["key"], told["vector"])

    def cancel(self, name):
        """No error if it has ended."""
        answer = self.send("POST", f"/{name}/cancel")
        if answer.status not in (OK, 404, 409):
            raise self.error(answer)

    def delete(self, name):
        """No error if it is gone."""
        answer = self.send("DELETE", f"/{name}")
        if answer.status not in (OK, 404):
            raise self.error(answer)
