"""Clients of the emulated services: the SDKs, unmodified, and plain HTTP."""

import warnings

import httpx2
import pytest


@pytest.fixture
def http(gemini_emulator):
    """Plain HTTP with a key."""
    headers = {"x-goog-api-key": "any"}
    with httpx2.Client(base_url=gemini_emulator.url, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def genai(gemini_emulator):
    """google-genai; closed at the end, because its sockets are ours to close."""
    from google import genai
    from google.genai import types

    options = types.HttpOptions(base_url=gemini_emulator.url)
    client = genai.Client(api_key="any", http_options=options)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*experimental")
        yield client
    client.close()


@pytest.fixture
def legacy(gemini_emulator):
    """google-generativeai, over REST."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import google.generativeai as legacy
        from google.generativeai import client as kept

        endpoint = {"api_endpoint": gemini_emulator.url}
        legacy.configure(api_key="any", transport="rest", client_options=endpoint)
        yield legacy
    # The SDK keeps its clients for the process; their sockets would be found open by some later test.
    clients = kept._client_manager.clients
    for client in clients.values():
        client.transport.close()
    clients.clear()


@pytest.fixture
def inline(genai):
    """Create an inline job of some texts."""

    def create(texts=("a cat", "a dog", "a bird"), name="job", dimensions=128, model="gemini-embedding-001"):
        config = {"output_dimensionality": dimensions}
        return genai.batches.create_embeddings(
            model=model,
            src={"inlined_requests": {"contents": list(texts), "config": config}},
            config={"display_name": name},
        )

    return create


@pytest.fixture
def filed(genai):
    """Create a job from a file of lines."""
    import io
    import json

    def create(lines, name="job", model="gemini-embedding-001"):
        text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        upload = genai.files.upload(file=io.BytesIO(text.encode()), config={"mime_type": "jsonl"})
        return genai.batches.create_embeddings(
            model=model, src={"file_name": upload.name}, config={"display_name": name}
        )

    return create


@pytest.fixture
def rows():
    """Lines for a file job."""

    def make(count, dimensions=128):
        return [
            {
                "key": f"k{row}",
                "request": {
                    "content": {"parts": [{"text": f"row number {row}"}]},
                    "output_dimensionality": dimensions,
                },
            }
            for row in range(count)
        ]

    return make


@pytest.fixture
def outcome(gemini_emulator, genai):
    """Let time pass and fetch a job's result lines, parsed where they can be."""
    import json

    def fetch(job, seconds=60):
        gemini_emulator.clock.advance(seconds)
        ended = genai.batches.get(name=job.name)
        lines = genai.files.download(file=ended.dest.file_name).decode().splitlines()
        parsed = []
        for line in lines:
            try:
                parsed.append(json.loads(line))
            except ValueError:
                parsed.append(None)
        return parsed

    return fetch


@pytest.fixture
def raw(openai_emulator):
    """Plain HTTP to the OpenAI emulator, with a key."""
    headers = {"authorization": "Bearer any"}
    with httpx2.Client(base_url=openai_emulator.base_url, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def client(openai_emulator):
    """openai, without its retries; closed at the end, because its sockets are ours to close."""
    import openai

    with openai.OpenAI(api_key="any", base_url=openai_emulator.base_url, max_retries=0) as client:
        yield client


@pytest.fixture
def requests():
    """Lines of a batch, each with one text."""

    def make(count, **body):
        body = {"model": "text-embedding-3-small", "dimensions": 64, **body}
        return [
            {
                "custom_id": f"k{row}",
                "method": "POST",
                "url": "/v1/embeddings",
                "body": {"input": f"row number {row}", **body},
            }
            for row in range(count)
        ]

    return make


@pytest.fixture
def batch(client):
    """Create a batch from lines: dictionaries, or texts as they are."""
    import json

    def create(lines, name="job", **more):
        text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        file = client.files.create(file=("in.jsonl", text.encode()), purpose="batch")
        metadata = {} if name is None else {"metadata": {"name": name}}
        return client.batches.create(
            input_file_id=file.id,
            endpoint="/v1/embeddings",
            completion_window="24h",
            **metadata,
            **more,
        )

    return create


@pytest.fixture
def results(openai_emulator, client):
    """Let time pass and fetch both result files of a batch, parsed line by line where they can be."""
    import json

    def parsed(name):
        lines = client.files.content(name).text.splitlines() if name else []
        found = []
        for line in lines:
            try:
                found.append(json.loads(line))
            except ValueError:
                found.append(None)
        return found

    def fetch(batch, seconds=60):
        openai_emulator.clock.advance(seconds)
        ended = client.batches.retrieve(batch.id)
        return parsed(ended.output_file_id), parsed(ended.error_file_id)

    return fetch
