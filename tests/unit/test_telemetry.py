"""Spans and counters with OpenTelemetry's real SDK, in a process of its own: it can be set up once only."""

from __future__ import annotations

import json
import subprocess
import sys

_TRACED = """
import json, sys
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
metrics.set_meter_provider(MeterProvider([reader]))

from embedlane import Workspace

with Workspace.open(sys.argv[1]) as workspace:
    index = workspace.create_index("docs", "local:hash", dimensions=16)
    index.add([("a", "one"), ("b", "two"), ("c", "three")])
    index.embed("sync", limit=2)
    index.embed("batch")
points = {}
for resource in reader.get_metrics_data().resource_metrics:
    for scope in resource.scope_metrics:
        for metric in scope.metrics:
            for point in metric.data.data_points:
                key = (metric.name, *sorted(map(str, point.attributes.values())))
                points["/".join(key)] = point.value
print(json.dumps({
    "spans": [[span.name, dict(span.attributes)] for span in spans.get_finished_spans()],
    "points": points,
}))
"""

_BARE = """
import builtins, sys
real = builtins.__import__

def without(name, *rest):
    if name.partition(".")[0] == "opentelemetry":
        raise ImportError(name)
    return real(name, *rest)

builtins.__import__ = without
from embedlane.telemetry import count, span

with span("x", {}) as current:
    count("embedlane.rows", 1, {})
print(current)
"""


def _python(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_requests_and_steps_are_traced_and_counted(tmp_path):
    """A request has the names of OpenTelemetry's conventions; each step of a job is a span; rows count."""
    (tmp_path / "embedlane.toml").write_text("plugins = []\n")
    found = json.loads(_python(_TRACED, str(tmp_path)))
    _canaries, request = [attributes for name, attributes in found["spans"] if name == "embeddings hash"]
    assert request["gen_ai.operation.name"] == "embeddings"
    assert request["gen_ai.provider.name"] == "hash"
    assert request["embedlane.texts"] == 2
    steps = [
        attributes["embedlane.state"] for name, attributes in found["spans"] if name == "embedlane.job.step"
    ]
    assert steps[0] == "planned"
    assert steps[-1] == "ended"
    assert found["points"]["embedlane.rows/hash/stored/sync"] == 2
    assert found["points"]["embedlane.rows/batch/hash/stored"] == 1
    assert found["points"]["embedlane.jobs/hash/stored"] == 1


def test_without_opentelemetry_nothing_happens():
    """It is optional: deeds go on without spans."""
    assert _python(_BARE) == "None\n"
