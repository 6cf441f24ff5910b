"""The pytest fixtures and the objects they yield."""

import httpx2
import pytest

from embedlane_emulator.emulator import GeminiEmulator, OpenAIEmulator


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_has_a_service_of_its_own(gemini_emulator, http, turn):
    """Neither bill nor clock nor faults of another test are seen."""
    assert gemini_emulator.bill.total().requests == 0
    assert http.get("/v1/models").status_code == 200
    body = {"content": {"parts": [{"text": "x"}]}}
    http.post("/v1/models/gemini-embedding-001:embedContent", json=body)
    gemini_emulator.faults.add("internal")


def test_it_can_be_used_without_pytest():
    """A context manager that serves while it is open."""
    with GeminiEmulator() as emulator:
        url = emulator.url
        assert httpx2.get(f"{url}/v1/models?key=any").status_code == 200
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{url}/v1/models?key=any")


@pytest.mark.parametrize("turn", [1, 2])
def test_both_services_at_once(gemini_emulator, openai_emulator, http, raw, turn):
    """One test may use both, each with a bill, a clock and faults of its own."""
    gemini_emulator.clock.advance(1000)
    openai_emulator.faults.add("internal", operation="models.list")
    assert (http.get("/v1/models").status_code, raw.get("/models").status_code) == (200, 500)
    assert gemini_emulator.clock.now() > openai_emulator.clock.now() + 900
    raw.post("/embeddings", json={"model": "text-embedding-3-small", "input": "x"})
    assert (gemini_emulator.bill.total().requests, openai_emulator.bill.total().requests) == (0, 1)


def test_a_compatible_server_without_pytest():
    """Settings make it another server; ``base_url`` is what its SDK takes."""
    from embedlane_emulator.openai.compatible import settings_of

    with OpenAIEmulator(settings=settings_of("vllm", models={"m": 8})) as emulator:
        assert emulator.base_url == f"{emulator.url}/v1"
        assert httpx2.get(f"{emulator.base_url}/models").json()["data"][0]["id"] == "m"


def test_it_can_be_closed_while_a_request_hangs():
    """Closing wakes who waits."""
    import threading

    with GeminiEmulator() as emulator:
        emulator.faults.add("hang")
        caught = []

        def ask():
            try:
                httpx2.get(f"{emulator.url}/v1/models?key=any", timeout=60)
            except httpx2.TransportError as error:
                caught.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        while not emulator.faults.as_json()[0]["fired"]:
            pass
    thread.join(20)
    assert len(caught) == 1
