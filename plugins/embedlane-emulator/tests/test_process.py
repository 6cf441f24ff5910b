"""The command, as a process: what it prints, what survives when it is killed."""

import io
import re
import signal
import subprocess
import sys

import httpx2
import pytest
from click.testing import CliRunner

from embedlane_emulator.cli import emulator
from embedlane_emulator.server import listen

RUN = "import sys; from embedlane_emulator.cli import emulator; emulator(sys.argv[1:])"


@pytest.fixture
def serve():
    """Start the command on a free port; its URL and its process."""
    running = []

    def start(*arguments, service="gemini"):
        process = subprocess.Popen(
            [sys.executable, "-u", "-c", RUN, service, "--port", "0", *map(str, arguments)],
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        url = re.search(r"http://\S+", process.stdout.readline())[0]
        return url, process

    yield start
    for process in running:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@pytest.mark.filterwarnings("ignore:.*experimental")
def test_state_survives_a_kill(serve, tmp_path):
    """Files, running jobs, results, bill and clock are there after kill -9 and a restart."""
    from google import genai
    from google.genai import types

    def connect(url):
        return genai.Client(api_key="any", http_options=types.HttpOptions(base_url=url))

    url, process = serve("--data-dir", tmp_path, "--running", 100)
    client = connect(url)
    line = b'{"key": "k", "request": {"content": {"parts": [{"text": "hi"}]}, "output_dimensionality": 64}}\n'
    upload = client.files.upload(file=io.BytesIO(line * 2000), config={"mime_type": "jsonl"})
    job = client.batches.create_embeddings(
        model="gemini-embedding-001", src={"file_name": upload.name}, config={"display_name": "d"}
    )
    process.kill()
    process.wait()
    client.close()

    url, _ = serve("--data-dir", tmp_path)
    client = connect(url)
    assert client.files.get(name=upload.name).size_bytes == len(line) * 2000
    assert client.batches.get(name=job.name).state.name in ("JOB_STATE_PENDING", "JOB_STATE_RUNNING")
    httpx2.post(f"{url}/emulator/clock", json={"advance": 200})
    ended = client.batches.get(name=job.name)
    assert client.files.download(file=ended.dest.file_name).count(b"\n") == 2000
    bill = httpx2.get(f"{url}/emulator/bill").json()
    assert (bill["creates"], bill["lanes"]["batch"]["rows"]) == ({"d": 1}, 2000)
    client.close()


def test_batches_survive_a_kill(serve, tmp_path):
    """OpenAI's files, batches, results and bill too; what was half written is written again."""
    import openai

    def connect(url):
        return openai.OpenAI(api_key="any", base_url=f"{url}/v1", max_retries=0)

    line = (
        '{"custom_id": "k%d", "method": "POST", "url": "/v1/embeddings", '
        '"body": {"model": "text-embedding-3-small", "input": "hi", "dimensions": 64}}\n'
    )
    content = "".join(line % number for number in range(2000)).encode()
    url, process = serve("--data-dir", tmp_path, "--running", 100, service="openai")
    with connect(url) as client:
        file = client.files.create(file=("in.jsonl", content), purpose="batch")
        wanted = {"endpoint": "/v1/embeddings", "completion_window": "24h", "metadata": {"name": "d"}}
        batch = client.batches.create(input_file_id=file.id, **wanted)
        process.kill()
        process.wait()
    url, _ = serve("--data-dir", tmp_path, service="openai")
    with connect(url) as client:
        assert client.files.content(file.id).content == content
        httpx2.post(f"{url}/emulator/clock", json={"advance": 200})
        ended = client.batches.retrieve(batch.id)
        assert (ended.status, ended.metadata) == ("completed", {"name": "d"})
        assert client.files.content(ended.output_file_id).content.count(b"\n") == 2000
    bill = httpx2.get(f"{url}/emulator/bill").json()
    assert (bill["creates"], bill["lanes"]["batch"]["rows"]) == ({"d": 1}, 2000)


def test_a_compatible_server(serve):
    """``--compatible`` and ``--model`` make it another server, and it says how to reach it."""
    models = ("--model", "org/a=8", "--model", "b:latest=16")
    url, process = serve("--compatible", "ollama", *models, service="openai")
    lines = [process.stdout.readline() for _ in range(3)]
    assert any(f"OPENAI_BASE_URL={url}/v1" in line for line in lines)
    found = httpx2.get(f"{url}/v1/models").json()["data"]
    assert [model["id"] for model in found] == ["org/a", "b:latest"]
    body = {"model": "b:latest", "input": "x", "encoding_format": "base64"}
    reply = httpx2.post(f"{url}/v1/embeddings", json=body).json()
    assert len(reply["data"][0]["embedding"]) == 16


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "m"], "--model 'm' is not NAME=DIMENSIONS, such as bge-m3=1024"),
        (["--model", "m=0"], "model 'm' can't have 0 dimensions"),
        (["--compatible", "tei"], "a server like tei needs a model"),
        (["--compatible", "x"], "Invalid value for '--compatible'"),
    ],
)
def test_servers_that_can_not_be(arguments, said):
    """A mistake is named before anything is served."""
    result = CliRunner().invoke(emulator, ["openai", "--port", "0", *arguments])
    assert (result.exit_code, said in result.output) == (2, True), result.output


def test_every_server_is_offered():
    """The command knows the servers that there are."""
    from embedlane_emulator.openai.compatible import SERVERS

    (option,) = (option for option in emulator.commands["openai"].params if option.name == "compatible")
    assert sorted(option.type.choices) == sorted(SERVERS)


def test_faults_from_a_file(serve, tmp_path):
    """``--faults`` switches them on from the start."""
    path = tmp_path / "faults.toml"
    path.write_text('[[fault]]\nkind = "unavailable"\ntimes = 1\n')
    url, _ = serve("--faults", path)
    codes = [httpx2.get(f"{url}/v1/models?key=k").status_code for _ in range(2)]
    assert codes == [503, 200]


def test_it_tells_how_to_point_both_sdks_at_it(serve):
    """The URL comes first, then a line for each SDK."""
    url, process = serve()
    lines = [process.stdout.readline() for _ in range(6)]
    assert any(f"GOOGLE_GEMINI_BASE_URL={url}" in line for line in lines)
    assert any(f'"api_endpoint": "{url}"' in line for line in lines)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_when_it_is_told_to(serve, number, tmp_path):
    """Ctrl-C and a plain kill end it cleanly, though a request hangs."""
    path = tmp_path / "faults.json"
    path.write_text('{"kind": "hang", "operation": "files.*"}')
    url, process = serve("--faults", path)
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.get(f"{url}/v1/files?key=k", timeout=0.2)
    process.send_signal(number)
    assert process.wait(20) == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "example.org"])
def test_hosts_that_others_can_reach(host):
    """It lets everybody in, so nobody else may reach it."""
    with pytest.raises(ValueError, match="loopback addresses only"):
        listen(host, 0)
    result = CliRunner().invoke(emulator, ["gemini", "--host", host, "--port", "0"])
    assert result.exit_code == 2
    assert "loopback addresses only" in result.output


def test_a_faults_file_with_a_mistake(tmp_path):
    """It is refused with the file's name before anything is served."""
    path = tmp_path / "faults.json"
    path.write_text('{"kind": "nonsense"}')
    result = CliRunner().invoke(emulator, ["gemini", "--faults", str(path)])
    assert result.exit_code == 2
    assert "unknown fault kind 'nonsense'" in result.output


def test_the_entry_module_is_light():
    """Finding the plugin imports no server and no numpy."""
    code = (
        "import sys; import embedlane_emulator; "
        "print([name for name in ('uvicorn', 'starlette', 'numpy', 'click') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_command_is_found():
    """The hook adds one group with the services in it."""
    import click

    import embedlane_emulator

    group = click.Group("embedlane")
    embedlane_emulator.embedlane_cli(group)
    for service in ("gemini", "openai"):
        result = CliRunner().invoke(group, ["emulator", service, "--help"])
        assert "--data-dir" in result.output
