"""Every fault of the emulators: what is promised holds, and what comes of it is what is documented."""

import random

import attrs
import pytest
from lab.cases import pairs, singles
from lab.promises import broken_promises
from lab.record import Record
from lab.results import result_of
from lab.services import SERVICES

from embedlane_emulator.faults import KINDS

SEED = 20260921
#: Pairs of each service that are tried here; `make faults` tries all.
SAMPLE = 12
RECORD = Record.load()
STALE = "tests/faults/outcomes.json is stale: run `make faults`"


def cases(of):
    """A parameter for each case that *of* names of each service."""
    return [
        pytest.param(name, case, id=f"{name}-{case.name}")
        for name, service in SERVICES.items()
        for case in of(service)
    ]


def sample(service):
    """Some pairs, always the same."""
    found = pairs(service)
    return random.Random(f"{SEED}:{service.name}").sample(found, min(SAMPLE, len(found)))


@pytest.mark.parametrize(("service", "case"), cases(singles))
def test_a_fault_alone_comes_to_what_is_expected_and_documented(lab, service, case):
    """Nothing that is promised is broken, the rows fare as expected, and the reference says the same."""
    trial, plain = lab.run(service, case)
    result = result_of(trial, plain)
    assert broken_promises(trial, plain) == []
    assert result.fate is case.expected
    assert attrs.asdict(RECORD.singles[service][case.name]) == attrs.asdict(result), STALE


@pytest.mark.parametrize(("service", "case"), cases(sample))
def test_two_faults_at_once_break_no_promise(lab, service, case):
    """All rows are embedded once, from one job for each tag, when both are gone; canaries ride along."""
    assert broken_promises(*lab.run(service, case, canaries=True)) == []


@pytest.mark.parametrize("name", SERVICES)
def test_every_kind_of_fault_is_tried_and_recorded(name):
    """The cases hold every kind that means something to the service, and the record every case."""
    service = SERVICES[name]
    tried = frozenset().union(*(case.kinds for case in singles(service)))
    assert tried == KINDS.keys() - service.pointless
    assert list(RECORD.singles[name]) == [case.name for case in singles(service)], STALE
    assert list(RECORD.pairs.get(name, ())) == [case.fault for case in pairs(service)], STALE
