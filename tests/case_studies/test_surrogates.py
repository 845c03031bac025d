"""Building a surrogate: presets that differ by their priors alone train and judge one network."""

from dataclasses import replace

import pytest

from twin.case_studies import surrogates
from twin.models import cardiac_loop
from twin.surrogate import Surrogate
from twin.training.first_order import SOAP


def test_a_preset_that_shares_a_network_is_trained_and_judged_as_the_one_it_shares_it_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judged: list[str] = []

    def remember(surrogate: Surrogate, seed: int, holdout: int) -> Surrogate:
        judged.append(surrogate.model.preset)
        return surrogate

    monkeypatch.setattr(surrogates, "judged", remember)
    recipe = replace(cardiac_loop.default.recipe, stages=(SOAP(steps=2, rate=1e-3, batch=4),))
    built = surrogates.build(cardiac_loop.default, "physics", recipe=recipe)
    assert judged == [built.model.preset] == ["wide"]
