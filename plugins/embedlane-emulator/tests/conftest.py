"""Clients of the emulated service: both SDKs, unmodified, and plain HTTP."""

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
