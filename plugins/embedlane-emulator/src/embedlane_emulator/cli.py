"""``embedlane emulator``: a service in the foreground."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click


@click.group()
def emulator() -> None:
    """Run a local service that speaks a provider's wire format."""


@emulator.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option("--port", default=8085, show_default=True, help="0 takes a free one.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where files, jobs, bill and clock survive a restart.",
)
@click.option(
    "--faults",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A TOML or JSON file of faults.",
)
@click.option("--pending", default=0.2, show_default=True, help="Seconds a job is pending.")
@click.option("--running", default=0.5, show_default=True, help="Seconds a job runs.")
@click.option("--keep-retired", is_flag=True, help="Let retired models answer.")
@click.option(
    "--unsupported-method",
    type=click.Choice(["404", "400"]),
    default="404",
    show_default=True,
    help="How a batch job of a model that can't batch is refused.",
)
def gemini(
    host: str,
    port: int,
    data_dir: Path | None,
    faults: Path | None,
    pending: float,
    running: float,
    keep_retired: bool,
    unsupported_method: str,
) -> None:
    """Serve the Gemini API until interrupted."""
    # The server is imported when it is to run, not when help is shown.
    from embedlane_emulator import faults as fault_files  # noqa: PLC0415
    from embedlane_emulator.core import Settings  # noqa: PLC0415
    from embedlane_emulator.emulator import GeminiEmulator  # noqa: PLC0415

    settings = Settings(
        pending=pending,
        running=running,
        keep_retired=keep_retired,
        unsupported_method=unsupported_method,
    )
    try:
        found = fault_files.load(faults) if faults else []
        service = GeminiEmulator(data_dir, settings, found).start(host, port)
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from error
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    click.echo(_welcome(service.url))
    stopped.wait()
    service.close()
    click.echo("stopped", err=True)


def _welcome(url: str) -> str:
    return f"""\
Gemini emulator at {url}

curl:                 curl -H 'x-goog-api-key: any' {url}/v1beta/models
google-genai:         export GOOGLE_GEMINI_BASE_URL={url} GEMINI_API_KEY=any
google-generativeai:  genai.configure(api_key="any", transport="rest",
                                      client_options={{"api_endpoint": "{url}"}})
bill, clock, faults:  {url}/emulator/bill, {url}/emulator/clock, {url}/emulator/faults

Ctrl-C stops it."""
