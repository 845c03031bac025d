"""The section on identifiability says what is not informed and what to measure next, from plain data alone."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from jinja2 import Environment, PackageLoader, StrictUndefined

from twin.inference.identifiability.design import Candidate
from twin.inference.identifiability.identify import identify
from twin.inference.likelihood import Likelihood
from twin.inference.posterior import Posterior
from twin.inference.posterior_file import load, save
from twin.inference.report.identifiability import identifiability, interval_of

X = np.linspace(0.0, 3.0, 20)[:, None]


@pytest.fixture(scope="module")
def posterior(made_posterior: Any, decay: Any, make_experiment: Any) -> Posterior:
    """Around what a voltage can tell of the decay: it does not see the offset of the heat."""
    likelihood = Likelihood(decay(), [make_experiment()])
    candidates = [
        Candidate("voltage again", {"rate": 1.0}, X, ("voltage",)),
        Candidate("heat as well", {"rate": 1.0}, X, ("voltage", "heat")),
    ]
    found = identify(likelihood, at=np.array([1.3, 0.9, 20.0, 0.02]), candidates=candidates)
    plain: Posterior = made_posterior()
    return replace(plain, metadata={**plain.metadata, "identifiability": found})


def test_the_section_is_absent_without_the_analysis(posterior: Posterior) -> None:
    bare = {k: v for k, v in posterior.metadata.items() if k != "identifiability"}
    assert identifiability(replace(posterior, metadata=bare), {}) is None


def test_the_section_says_all_and_survives_the_file(posterior: Posterior, tmp_path: Any) -> None:
    section = identifiability(posterior, {})
    save(posterior, tmp_path / "posterior.nc")
    again = identifiability(load(tmp_path / "posterior.nc"), {})
    assert section is not None
    assert again is not None
    assert section.content == again.content
    page = rendered(section)
    for wanted in ("amplitude", "tau", "offset", "depends on offset", "voltage again", "open to both sides", "⚠"):
        assert wanted in page
    assert "$" not in page


def test_the_section_says_what_to_measure_next(posterior: Posterior) -> None:
    section = identifiability(posterior, {})
    assert section is not None
    assert section.content["advice"][0].startswith("Of the measurements listed, heat as well would say the most")
    assert section.content["advice"][1].startswith("To inform offset, measure heat as well")
    assert [row["name"] for row in section.content["candidates"]] == ["heat as well", "voltage again"]


def test_the_same_analysis_gives_the_same_bytes(posterior: Posterior) -> None:
    pages = [identifiability(posterior, {}) for _ in range(2)]
    assert pages[0] is not None
    assert pages[1] is not None
    assert rendered(pages[0]) == rendered(pages[1])


@pytest.mark.parametrize("p", [1, 2, 20])
def test_any_number_of_parameters_is_drawn(posterior: Posterior, p: int) -> None:
    found = json.loads(json.dumps(posterior.metadata["identifiability"]))
    row = {**found["directions"][-1], "weights": [1.0] * p}
    many = {
        **found,
        "names": [f"p{i}" for i in range(p)],
        "directions": [row] * p,
        "profiles": [found["profiles"][i % 3] for i in range(p)],
        "prior": {
            **found["prior"],
            "contraction": [None] * p,
            "eigenvalues": {key: [None] * p for key in ("q05", "q50", "q95")},
        },
        "mode": {key: [0.5] * p for key in ("theta", "sd", "contraction")},
        "indices": [],
        "candidates": [],
    }
    section = identifiability(replace(posterior, metadata={"identifiability": many}), {})
    assert section is not None
    assert section.content["left_out"] == max(0, p - 12)
    assert rendered(section).count("<svg") + rendered(section).count("<img") == 2


def test_names_from_outside_are_escaped(posterior: Posterior) -> None:
    nasty = "<script>x</script>"
    found = json.loads(json.dumps(posterior.metadata["identifiability"]).replace("offset", nasty))
    section = identifiability(replace(posterior, metadata={"identifiability": found}), {})
    assert section is not None
    assert "<script" not in rendered(section)


def rendered(section: Any) -> str:
    loader = PackageLoader("twin.inference", "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template(section.template).render(content=section.content)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.0712, 0.0891, "[0.0712, 0.0891]"),
        (None, 2.0, "≤ 2.0, open to the left"),
        (0.5, None, "≥ 0.50, open to the right"),
        (None, None, "open to both sides"),
    ],
)
def test_an_interval_says_where_it_is_open(low: float | None, high: float | None, text: str) -> None:
    assert interval_of({"low": low, "high": high, "values": [0.0, 1.0, 3.0]}) == text
