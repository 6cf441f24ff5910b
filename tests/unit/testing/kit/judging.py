"""The service of the toys, and a suite for each."""

import pytest
from toy_service import ToyService


@pytest.fixture(scope="session")
def shared_service():
    """One service for all."""
    service = ToyService()
    yield service
    service.close()


@pytest.fixture
def service(shared_service):
    """It, as new."""
    shared_service.forget()
    return shared_service


def judged(suite, kind):
    """The subclass of *suite* that judges *kind*."""

    class Judged(suite):
        patience = 0.3
        more_than_a_page = 12

        @pytest.fixture
        def subject(self, service):
            return kind.subject(service)

    return Judged
