"""The pytest fixture and the object it yields."""

import httpx2
import pytest

from embedlane_emulator.emulator import GeminiEmulator


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
