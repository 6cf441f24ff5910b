"""``embedlane emulator``: a service in the foreground."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from embedlane_emulator.emulator import Emulator
    from embedlane_emulator.faults import Fault

_F = TypeVar("_F", bound="Callable[..., Any]")


@click.group()
def emulator() -> None:
    """Run a local service that speaks a provider's wire format."""


def _service_options(port: int) -> Callable[[_F], _F]:
    """The options of every service."""
    options = (
        click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address."),
        click.option("--port", default=port, show_default=True, help="0 takes a free one."),
        click.option(
            "--data-dir",
            type=click.Path(file_okay=False, path_type=Path),
            help="Where files, jobs, bill and clock survive a restart.",
        ),
        click.option(
            "--faults",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A TOML or JSON file of faults.",
        ),
        click.option("--pending", default=0.2, show_default=True, help="Seconds a job is pending."),
        click.option("--running", default=0.5, show_default=True, help="Seconds a job runs."),
    )

    def add(command: _F) -> _F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@emulator.command()
@_service_options(8085)
@click.option("--keep-retired", is_flag=True, help="Let retired models answer.")
@click.option(
    "--unsupported-method",
    type=click.Choice(["404", "400"]),
    default="404",
    show_default=True,
    help="How a batch job of a model that can't batch is refused.",
)
def gemini(host: str, port: int, data_dir: Path | None, faults: Path | None, **settings: Any) -> None:
    """Serve the Gemini API until interrupted."""
    # The server is imported when it is to run, not when help is shown.
    from embedlane_emulator.emulator import GeminiEmulator  # noqa: PLC0415
    from embedlane_emulator.gemini.settings import GeminiSettings  # noqa: PLC0415

    def make(found: list[Fault]) -> GeminiEmulator:
        return GeminiEmulator(data_dir, GeminiSettings(**settings), found)

    _serve(make, faults, host, port, _GEMINI)


@emulator.command()
@_service_options(8086)
@click.option(
    "--compatible",
    type=click.Choice(["llama.cpp", "ollama", "tei", "vllm"]),
    help="Behave like such a server; needs --model.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME=DIMENSIONS",
    help="A model to serve beside OpenAI's own, or with --compatible in their place; may be repeated.",
)
def openai(
    host: str,
    port: int,
    data_dir: Path | None,
    faults: Path | None,
    compatible: str | None,
    models: tuple[str, ...],
    **settings: Any,
) -> None:
    """Serve the OpenAI API, or one like it, until interrupted."""
    from embedlane_emulator.emulator import OpenAIEmulator  # noqa: PLC0415 - as above
    from embedlane_emulator.openai.compatible import settings_of  # noqa: PLC0415

    def make(found: list[Fault]) -> OpenAIEmulator:
        sizes = dict(map(_size, models))
        return OpenAIEmulator(data_dir, settings_of(compatible, models=sizes, **settings), found)

    _serve(make, faults, host, port, _OPENAI)


def _size(text: str) -> tuple[str, int]:
    name, _, size = text.rpartition("=")
    if not name or not size.isdigit():
        raise ValueError(f"--model {text!r} is not NAME=DIMENSIONS, such as bge-m3=1024")
    return name, int(size)


def _serve(
    make: Callable[[list[Fault]], Emulator[Any]], faults: Path | None, host: str, port: int, welcome: str
) -> None:
    from embedlane_emulator import faults as fault_files  # noqa: PLC0415 - as above

    try:
        service = make(fault_files.load(faults) if faults else []).start(host, port)
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from error
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    click.echo(welcome.format(url=service.url))
    stopped.wait()
    service.close()
    click.echo("stopped", err=True)


_GEMINI = """\
Gemini emulator at {url}

curl:                 curl -H 'x-goog-api-key: any' {url}/v1beta/models
google-genai:         export GOOGLE_GEMINI_BASE_URL={url} GEMINI_API_KEY=any
google-generativeai:  genai.configure(api_key="any", transport="rest",
                                      client_options={{"api_endpoint": "{url}"}})
bill, clock, faults:  {url}/emulator/bill, {url}/emulator/clock, {url}/emulator/faults

Ctrl-C stops it."""

_OPENAI = """\
OpenAI emulator at {url}

curl:                 curl -H 'Authorization: Bearer any' {url}/v1/models
openai:               export OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY=any
bill, clock, faults:  {url}/emulator/bill, {url}/emulator/clock, {url}/emulator/faults

Ctrl-C stops it."""
