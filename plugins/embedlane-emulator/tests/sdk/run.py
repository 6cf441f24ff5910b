"""Run google-genai's own tests against the emulator: what `make test-sdk` calls."""

import importlib.util
import sys
from pathlib import Path

import pytest

SUITES = ("batches", "files", "models/test_embed_content.py")


def main() -> int:
    """Run them; arguments go to pytest."""
    here = Path(__file__).resolve().parent
    sys.path.insert(0, str(here))
    found = importlib.util.find_spec("google.genai")
    if found is None or found.origin is None:
        sys.exit("error: google-genai is not installed")
    tests = Path(found.origin).parent / "tests"
    options = ["-p", "google_genai_suite", "-p", "no:cacheprovider", "-p", "no:randomly", "-c", "/dev/null"]
    options += ["--rootdir", str(tests.parents[2]), "--import-mode=importlib"]
    options += ["-o", "consider_namespace_packages=true", "--mode", "api", "-q", "-rfEX"]
    # The SDK's client prints each request, and warns of its own test tables.
    options += ["--disable-warnings", "--show-capture=no"]
    return int(pytest.main([*options, *(str(tests / suite) for suite in SUITES), *sys.argv[1:]]))


if __name__ == "__main__":
    sys.exit(main())
