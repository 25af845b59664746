"""The worked scenarios of security.md 4.3: the same members in every order of arrival."""

import itertools
import random

import pytest

from kithspace.core.credential import Signed, decode_credential
from kithspace.core.fold import Membership
from tests.models.fold_model import FoldModel
from tests.scenarios import Scenario, scenarios

EVERY_ORDER_UP_TO = 5
SHUFFLES = 60


def orders(scenario: Scenario) -> list[tuple[Signed, ...]]:
    """Every order of what follows the genesis if there are few, else some shuffled ones."""
    rest = scenario.credentials[1:]
    if len(rest) <= EVERY_ORDER_UP_TO:
        return list(itertools.permutations(rest))
    rnd = random.Random(scenario.slug)  # noqa: S311
    return [tuple(rnd.sample(rest, len(rest))) for _ in range(SHUFFLES)]


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda s: s.slug)
def test_scenario_one_by_one_in_every_order(scenario: Scenario) -> None:
    for order in orders(scenario):
        membership = Membership.found(scenario.credentials[0])
        for signed in order:
            membership, _ = membership.add([signed])
        assert dict(membership.members) == scenario.members


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda s: s.slug)
def test_scenario_at_once(scenario: Scenario) -> None:
    membership, _ = Membership.found(scenario.credentials[0]).add(scenario.credentials)
    assert dict(membership.members) == scenario.members
    for who, hands in scenario.devices.items():
        assert membership.devices(who) == [one.device for one in hands]


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda s: s.slug)
def test_scenario_in_the_model(scenario: Scenario) -> None:
    model = FoldModel(decode_credential(one) for one in scenario.credentials)
    assert model.members() == scenario.members
