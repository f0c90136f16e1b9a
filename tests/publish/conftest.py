"""One private model with its release, and one whose noise has a seed."""

import dataclasses

import pytest
from publish_about import ABOUT

from fairveil.certificate import certify
from fairveil.privacy.statement import INSECURE
from fairveil.synthesizer import FairVeil


@pytest.fixture(scope="session")
def place(tmp_path_factory, tiny_model):
    """A folder with ``m.fairveil`` and its release ``s.csv``."""
    folder = tmp_path_factory.mktemp("publish")
    tiny_model.save(folder / "m.fairveil")
    tiny_model.sample(400, random_state=3).to_csv(folder / "s.csv", index=False)
    return folder


@pytest.fixture(scope="session")
def certificate(place):
    return certify(place / "m.fairveil", output=place / "s.csv", **ABOUT)


@pytest.fixture
def facts(certificate):
    """The certificate's JSON, a copy of its own for each test."""
    return certificate.to_dict()


@pytest.fixture(scope="session")
def seeded_model(tiny_model):
    """The tiny model as if its noise had been seeded."""
    contents = tiny_model._contents
    statement = dataclasses.replace(
        contents.statement, private=False, not_private_reason=INSECURE
    )
    return FairVeil()._hold(dataclasses.replace(contents, statement=statement))
