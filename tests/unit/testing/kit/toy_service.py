"""A tiny embedding service with both lanes, over HTTP, that misbehaves when it is told to."""

import http.server
import itertools
import json
import socketserver
import threading
import time
from urllib.parse import parse_qs, urlsplit

from embedlane.providers.builtin.hash import hash_vector

PAGE = 10
MOST_TEXTS = 20
EXPIRES_AFTER = 3600.0
#: Services of this process by their URL: whoever knows one need not go through HTTP.
SERVICES = {}
ENDINGS = ("cancelled", "expired", "failed", "unknown-state", "stuck")
ROWS = ("shuffled-rows", "doubled-rows", "missing-rows", "error-rows", "corrupt-lines")


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Clock:
    """Real time, and what was added to it."""

    ahead = 0.0

    def advance(self, seconds):
        """Turn it forward."""
        self.ahead += seconds

    def now(self):
        """Seconds."""
        return time.monotonic() + self.ahead


class Faults(dict):
    """The faults of the jobs to come."""

    def add(self, kind, **fields):
        """Switch one on."""
        if kind not in (*ENDINGS, *ROWS):
            raise ValueError(kind)
        self[kind] = fields


def vector(text, task, size):
    """A unit vector that depends on the text and what it is for."""
    return list(hash_vector(f"{text} {task}", size))


class ToyService:
    """One service. Its jobs end at once."""

    def __init__(self):
        self.clock = Clock()
        self.faults = Faults()
        self.files = {}
        self.jobs = {}
        self._numbers = itertools.count(0xA000)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.service = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        SERVICES[self.url] = self

    def close(self):
        """Stop."""
        del SERVICES[self.url]
        self._server.shutdown()
        self._server.server_close()

    def forget(self):
        """Be as new."""
        self.clock.ahead = 0.0
        for each in (self.faults, self.files, self.jobs):
            each.clear()

    def answer(self, method, path, key, body):
        """Status and body for a request."""
        try:
            if not key:
                raise Refused(401, "no key")
            found = self.meant(method, urlsplit(path).path)(path, body)
        except Refused as refusal:
            return refusal.status, json.dumps({"error": {"message": str(refusal)}}).encode()
        return 200, found if isinstance(found, bytes) else json.dumps(found).encode()

    def meant(self, method, path):
        """What does a request."""
        plain = {"/embed": self.embed, "/files": self.upload}
        if path in plain:
            return plain[path]
        if path == "/jobs":
            return self.create if method == "POST" else self.list
        if path.endswith("/rows"):
            return self.rows
        if path.endswith("/cancel"):
            return self.cancel
        return self.delete if method == "DELETE" else self.get

    def embed(self, _path, body):
        """POST /embed."""
        request = json.loads(body)
        texts = request["texts"]
        if not texts or len(texts) > MOST_TEXTS or not all(text.strip() for text in texts):
            raise Refused(400, "texts: from 1 to 20, none of them empty")
        vectors = [vector(text, request["task"], request["size"]) for text in texts]
        return {"vectors": vectors, "tokens": sum(len(text.split()) for text in texts)}

    def upload(self, _path, body):
        """POST /files."""
        name = f"files/{next(self._numbers):x}"
        self.files[name] = [row for line in body.splitlines() for row in json.loads(line)["rows"]]
        return {"name": name}

    def create(self, _path, body):
        """POST /jobs."""
        request = json.loads(body)
        if request["file"] not in self.files:
            raise Refused(400, "no such file")
        name = f"jobs/{next(self._numbers):08x}"
        self.jobs[name] = {**request, "name": name, "created": self.clock.now(), "faults": dict(self.faults)}
        return self.told(self.jobs[name])

    def list(self, path, _body):
        """GET /jobs: the newest first."""
        start = int(parse_qs(urlsplit(path).query).get("from", ["0"])[0])
        jobs = list(self.jobs.values())[::-1]
        more = start + PAGE < len(jobs)
        return {
            "jobs": [self.told(job) for job in jobs[start : start + PAGE]],
            "next": start + PAGE if more else None,
        }

    def get(self, path, _body):
        """GET /jobs/NAME."""
        return self.told(self.found(path[1:]))

    def rows(self, path, _body):
        """GET /jobs/NAME/rows: lines of JSON."""
        return b"".join(line + b"\n" for line in self.lines(self.found(path[1:].removesuffix("/rows"))))

    def cancel(self, path, _body):
        """POST /jobs/NAME/cancel."""
        job = self.found(path[1:].removesuffix("/cancel"))
        if self.state(job) != "working":
            raise Refused(409, "the job has ended")
        job["cancelled"] = True
        return {}

    def delete(self, path, _body):
        """DELETE /jobs/NAME."""
        del self.jobs[self.found(path[1:])["name"]]
        return {}

    def found(self, name):
        """The job of that name."""
        if name not in self.jobs:
            raise Refused(404, f"no {name}")
        return self.jobs[name]

    def state(self, job):
        """The word for where a job stands."""
        faults = job["faults"]
        if job.get("cancelled") or "cancelled" in faults:
            return "cancelled"
        if "failed" in faults:
            return "failed"
        if "unknown-state" in faults:
            return faults["unknown-state"]["state"]
        if "stuck" in faults or "expired" in faults:
            return "expired" if self.clock.now() > job["created"] + EXPIRES_AFTER else "working"
        return "done"

    def told(self, job):
        """What the service says of a job."""
        error = job["faults"].get("failed", {}).get("reason", "")
        return {"name": job["name"], "tag": job["tag"], "state": self.state(job), "error": error}

    def lines(self, job):
        """The lines of a job's results."""
        faults, state, rows = job["faults"], self.state(job), self.files[job["file"]]
        half = len(rows) // 2
        if state not in ("done", "cancelled") or job.get("cancelled"):
            return []
        if "cancelled" in faults or "missing-rows" in faults:
            rows = rows[:half]
        lines = []
        for number, row in enumerate(rows):
            answer = {"key": row["key"], "vector": vector(row["text"], job["task"], job["size"])}
            if "error-rows" in faults and number < half:
                answer = {"key": row["key"], "error": {"code": "bad", **faults["error-rows"]}}
            line = json.dumps(answer).encode()
            lines.append(line[:20] if "corrupt-lines" in faults and number < half else line)
        if "doubled-rows" in faults:
            lines += lines[:half]
        return lines[::-1] if "shuffled-rows" in faults else lines


class _Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""

    def answered(self):
        """Answer one request."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, data = self.server.service.answer(self.command, self.path, self.headers.get("X-Key"), body)
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = answered  # noqa: N815 -- names of http.server


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128
