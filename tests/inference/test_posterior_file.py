"""A posterior survives the disk, and ArviZ reads it."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twin.experiment import Experiment
from twin.inference.discrepancy import Discrepancy
from twin.inference.likelihood import Likelihood
from twin.inference.noise import StudentT
from twin.inference.posterior import assemble
from twin.inference.posterior_file import load, save
from twin.inference.report.summary import summarise
from twin.inference.sample import Sample


@pytest.fixture(scope="module")
def rich(decay: Any, make_experiment: Any) -> Any:
    """Two experiments, two observables, a gap in the data, a discrepancy, a domain with one open side."""
    first = make_experiment("cell/1", observables=("voltage", "heat"), n=12)
    y = first.y.copy()
    y[4, 1] = np.nan
    experiments = [
        Experiment(first.name, first.conditions, ("time",), first.x, first.observables, y, first.units),
        make_experiment("second", rate=2.0, n=7),
    ]
    gap = Discrepancy({"voltage": 0.01})
    likelihood = Likelihood(decay(0.001, 0.002), experiments, noise=StudentT(4.0), discrepancy=gap)
    theta = likelihood.space.draw(600, seed=1).reshape(3, 200, -1)
    stats = {"diverging": np.zeros((3, 200), dtype=bool), "energy": np.random.default_rng(0).standard_normal((3, 200))}
    sample = Sample("ladder", "nuts", theta, seed=5, seconds=1.5, stats=stats, reason="k-hat 0.9 > 0.7")
    return likelihood, assemble(likelihood, sample, metadata={"model": "decay", "preset": "test"})


def test_saved_and_loaded_is_equal(rich: Any, tmp_path: Path) -> None:
    _, posterior = rich
    save(posterior, tmp_path / "posterior.nc")
    again = load(tmp_path / "posterior.nc")
    assert again.space == posterior.space
    for name in ("sampler", "rung", "reason", "seed", "seconds", "khat", "weight_ess"):
        assert getattr(again, name) == getattr(posterior, name)
    assert again.versions == posterior.versions
    assert again.metadata == json.loads(json.dumps(posterior.metadata))
    np.testing.assert_array_equal(again.theta, posterior.theta)
    np.testing.assert_array_equal(again.prior, posterior.prior)
    assert {k: v.dtype for k, v in again.stats.items()} == {k: v.dtype for k, v in posterior.stats.items()}
    for a, b in zip(again.series, posterior.series, strict=True):
        assert set(vars(a)) == set(vars(b))
        for name, value in vars(b).items():
            np.testing.assert_array_equal(getattr(a, name), value)
    assert summarise(again) == summarise(posterior)
    assert [p.name for p in tmp_path.iterdir()] == ["posterior.nc"]


def test_arviz_reads_every_group_with_units(rich: Any, tmp_path: Path) -> None:
    _, posterior = rich
    save(posterior, tmp_path / "posterior.nc")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*ArviZ is undergoing", category=FutureWarning)
        import arviz as az
    data = az.from_netcdf(str(tmp_path / "posterior.nc"))
    groups = {str(g).strip("/") for g in (data.groups() if callable(data.groups) else data.groups)}
    wanted = {"posterior", "prior", "posterior_predictive", "log_likelihood", "sample_stats", "observed_data"}
    assert wanted <= groups
    assert data["posterior"]["tau"].attrs["units"] == "s"
    assert data["posterior"]["tau"].shape == (3, 200)
    assert data["observed_data"]["heat[cell-1]"].attrs["units"] == "mW"
    assert data["observed_data"]["heat[cell-1]"].shape == (11,)
    assert data["log_likelihood"]["heat[cell-1]"].shape == (3, 200, 11)
    assert data["posterior_predictive"]["voltage[second]"].shape == (3, 133, 7)


def test_pointwise_log_likelihood_of_the_series_sums_to_the_likelihood(rich: Any) -> None:
    likelihood, posterior = rich
    assert [s.name for s in posterior.series] == ["voltage[cell-1]", "heat[cell-1]", "voltage[second]"]
    np.testing.assert_allclose(posterior.log_likelihood.sum(-1), likelihood.log_prob(posterior.theta), rtol=1e-12)


def test_latent_coefficients_are_checked_but_not_listed(rich: Any) -> None:
    likelihood, posterior = rich
    listed = summarise(posterior)["parameters"]
    assert set(listed) == set(likelihood.space.names) - set(likelihood.latent)
    assert "discrepancy_voltage" in listed


def test_a_wrong_file_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        load(tmp_path / "absent.nc")
    (tmp_path / "text.nc").write_text("amplitude,tau\n1,2\n")
    with pytest.raises(ValueError, match="not a NetCDF file"):
        load(tmp_path / "text.nc")
    import xarray as xr

    xr.Dataset({"a": ("x", [1.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match="expected format 'twincal posterior 1', got 'no format attribute'"):
        load(tmp_path / "other.nc")
