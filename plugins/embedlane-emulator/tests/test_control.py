"""The emulator's own endpoints."""

import pytest


def test_the_clock_over_http(http):
    """Read, advance, turn, stop."""
    http.post("/emulator/clock", json={"frozen": True, "to": "2026-10-01T00:00:00Z"})
    reply = http.post("/emulator/clock", json={"advance": 90})
    assert reply.json()["now"] == "2026-10-01T00:01:30.000000Z"
    assert http.get("/emulator/clock").json()["frozen"] is True


def test_faults_over_http(http):
    """Add, replace, list with counts, remove one, remove all."""
    (added,) = http.post("/emulator/faults", json={"kind": "unavailable", "operation": "models.list"}).json()[
        "fault"
    ]
    assert http.get("/v1/models").status_code == 503
    assert http.get("/emulator/faults").json()["fault"][0]["fired"] == 1
    assert http.delete(f"/emulator/faults/{added['id']}").status_code == 200
    assert http.get("/v1/models").status_code == 200
    http.put("/emulator/faults", json={"fault": [{"kind": "internal"}, {"kind": "slow"}]})
    assert [fault["kind"] for fault in http.get("/emulator/faults").json()["fault"]] == ["internal", "slow"]
    http.delete("/emulator/faults")
    assert http.get("/emulator/faults").json() == {"fault": []}


def test_the_bill_over_http(http, inline):
    """Creates, lanes, jobs and calls; it is settled when it is read, and can be cleared."""
    http.post("/v1/models/gemini-embedding-001:embedContent", json={"content": {"parts": [{"text": "four"}]}})
    inline(name="d")
    http.post("/emulator/clock", json={"advance": 60})
    bill = http.get("/emulator/bill").json()
    assert bill["creates"] == {"d": 1}
    assert (bill["lanes"]["sync"]["tokens"], bill["lanes"]["batch"]["rows"]) == (1, 3)
    assert bill["jobs"][0]["settled"] is True
    http.delete("/emulator/bill")
    assert http.get("/emulator/bill").json()["jobs"] == []


def test_settings_over_http(gemini_emulator, http):
    """Settings can be read and changed while it runs."""
    assert http.patch("/emulator/settings", json={"pending": 5, "keep_retired": True}).json()["pending"] == 5
    assert gemini_emulator.settings.keep_retired is True


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "said"),
    [
        ("POST", "clock", {"forward": 1}, 400, "the clock knows advance, to and frozen"),
        ("POST", "clock", {"advance": -1}, 400, "can't be turned back"),
        ("POST", "clock", [1], 400, "a JSON object is expected"),
        ("POST", "faults", {"kind": "x"}, 400, "unknown fault kind 'x'"),
        ("DELETE", "faults/none", None, 400, "there is no fault 'none'"),
        ("PATCH", "settings", {"pendin": 1}, 400, "unknown setting 'pendin'; the settings are pending"),
        ("PATCH", "settings", {"pending": "1"}, 400, "setting 'pending' can't be '1'"),
        ("PATCH", "settings", {"long_inputs": "x"}, 400, "long_inputs"),
        ("GET", "nothing", None, 404, "there is no GET /emulator/nothing"),
    ],
)
def test_mistakes(http, method, path, body, code, said):
    """A mistake is answered with what would have been right."""
    reply = http.request(method, f"/emulator/{path}", json=body)
    assert reply.status_code == code
    assert said in reply.json()["error"]


def test_the_index(http):
    """The endpoints can be found."""
    assert "/emulator/bill" in http.get("/emulator").json()["endpoints"]
