"""Building a surrogate: presets that differ by their priors alone train and judge one network."""

from dataclasses import replace

import pytest
import torch

from twin.case_studies import surrogates
from twin.models import cardiac_loop
from twin.models.battery.nrel import pinnstripes2
from twin.surrogate import Surrogate, weights_to_numpy
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


@pytest.mark.parametrize("sliding", [True, False])
def test_errors_slide_where_the_recipe_says_so(sliding: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surrogates, "gradient_error", lambda *_, **__: {})
    model = replace(pinnstripes2, recipe=replace(pinnstripes2.recipe, sliding=sliding))
    weights = weights_to_numpy(model.recipe.network.init(torch.Generator().manual_seed(0)))
    found = surrogates.judged(Surrogate(model, model.recipe.network, weights, "physics", None, {}), 1, 8)
    assert found.errors is not None
    assert found.errors.slides is sliding
    assert found.record["error_model"]["voltage"]["mean_square"] > 0


def test_a_package_that_is_not_installed_has_no_version_and_stops_no_check() -> None:
    assert list(surrogates.versions(("numpy", "no_such_solver"))) == ["numpy"]
