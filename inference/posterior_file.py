"""Posteriors on disk: one NetCDF file whose groups ArviZ reads.

posterior, prior, posterior_predictive, log_likelihood, sample_stats, observed_data, and constant_data with what
belongs to the measured points (fit, noise, surrogate error). Units are attributes; the rest of the record is
JSON in the attribute ``twin`` of the root.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from twin import priors
from twin.atomic import replaced
from twin.inference.posterior import Posterior, Series
from twin.priors import Prior
from twin.space import Floats, Parameter, Space

FORMAT = "twincal posterior 1"
LAWS = {law.__name__: law for law in (priors.Normal, priors.LogNormal, priors.Uniform, priors.Beta, priors.HalfNormal)}
PLAIN = ("sampler", "rung", "reason", "seed", "seconds", "khat", "weight_ess")
PARAMETER = ("name", "unit", "nominal", "meaning", "source")
LABELS = ("experiment", "observable", "unit", "coordinates")
POINTWISE = ("fitted", "model", "noise", "surrogate")


def save(posterior: Posterior, path: str | Path) -> None:
    """Writes the file in one move: a reader finds the old one or the new one, never half of it."""
    with replaced(Path(path)) as temporary:
        to_datatree(posterior).to_netcdf(temporary, engine="h5netcdf")


def load(path: str | Path) -> Posterior:
    """The posterior that ``save`` wrote. ValueError for a missing file, another format, or another version."""
    if not Path(path).is_file():
        raise ValueError(f"{path}: no such file; expected a posterior.nc that twin calibrate wrote")
    try:
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            tree.load()
    except (OSError, KeyError, ValueError) as problem:
        raise ValueError(f"{path}: not a NetCDF file that can be read ({problem})") from problem
    if tree.attrs.get("format") != FORMAT:
        found = tree.attrs.get("format", "no format attribute")
        raise ValueError(f"{path}: expected format {FORMAT!r}, got {found!r}; was it written by twincal?")
    return from_datatree(tree)


def to_datatree(posterior: Posterior) -> xr.DataTree:
    """Groups with one variable per parameter or series."""
    space, draws = posterior.space, ("chain", "draw")
    record = {name: getattr(posterior, name) for name in PLAIN}
    record |= {
        "parameters": [_parameter_to_json(p) for p in space.parameters],
        "series": [{k: getattr(s, k) for k in LABELS} for s in posterior.series],
        "versions": dict(posterior.versions),
        "metadata": dict(posterior.metadata),
    }
    groups = {
        "posterior": _by_parameter(space, posterior.theta),
        "prior": _by_parameter(space, posterior.prior[None]),
        "sample_stats": xr.Dataset({name: (draws, np.asarray(v)) for name, v in posterior.stats.items()}),
        "posterior_predictive": _by_series(posterior.series, "predictive"),
        "log_likelihood": _by_series(posterior.series, "log_likelihood"),
        "observed_data": _by_series(posterior.series, "y"),
        "constant_data": xr.merge(
            [_by_series(posterior.series, kind, f"{kind}_") for kind in POINTWISE],
            combine_attrs="drop",
            compat="equals",
            join="exact",
        ),
    }
    tree = xr.DataTree.from_dict({name: _numbered(group) for name, group in groups.items()})
    tree.attrs = {"format": FORMAT, "twin": json.dumps(record), "inference_library": "twincal"}
    return tree


def from_datatree(tree: xr.DataTree) -> Posterior:
    """The inverse of ``to_datatree``."""
    record = json.loads(tree.attrs["twin"])
    space = Space(tuple(_parameter_from_json(p) for p in record["parameters"]))
    return Posterior(
        space=space,
        theta=_stacked(tree["posterior"], space),
        prior=_stacked(tree["prior"], space)[0],
        series=tuple(_series(tree, entry) for entry in record["series"]),
        stats={str(name): values.values for name, values in tree["sample_stats"].data_vars.items()},
        versions=record["versions"],
        metadata=record["metadata"],
        **{name: record[name] for name in PLAIN},
    )


def _by_parameter(space: Space, theta: Floats) -> xr.Dataset:
    variables = {}
    for i, p in enumerate(space.parameters):
        notes = {"units": p.unit, "long_name": p.meaning, "source": p.source}
        variables[p.name] = (("chain", "draw"), theta[..., i], notes)
    return xr.Dataset(variables)


def _by_series(series: tuple[Series, ...], kind: str, prefix: str = "") -> xr.Dataset:
    """One variable per series over its own dimension, with the abscissa as coordinates."""
    dataset = xr.Dataset()
    for s in series:
        values, point = getattr(s, kind), f"point_{s.name}"
        dims = ("chain", "draw", point)[3 - values.ndim :] if values.ndim > 1 else (point,)
        dataset[prefix + s.name] = xr.Variable(dims, values, {} if kind == "log_likelihood" else {"units": s.unit})
        for i, coordinate in enumerate(s.coordinates):
            dataset = dataset.assign_coords({f"{coordinate}_{s.name}": (point, s.x[:, i])})
    return dataset


def _numbered(dataset: xr.Dataset) -> xr.Dataset:
    """Chains and draws counted from 0, as ArviZ has them."""
    known = [dim for dim in ("chain", "draw") if dim in dataset.sizes]
    return dataset.assign_coords({dim: np.arange(dataset.sizes[dim]) for dim in known})


def _stacked(group: Any, space: Space) -> Floats:
    return np.stack([group.data_vars[name].values for name in space.names], axis=-1)


def _series(tree: xr.DataTree, entry: dict[str, Any]) -> Series:
    name = f"{entry['observable']}[{entry['experiment']}]"
    observed, constant = tree["observed_data"].data_vars, tree["constant_data"].data_vars
    columns = [tree["observed_data"].coords[f"{coordinate}_{name}"].values for coordinate in entry["coordinates"]]
    return Series(
        experiment=entry["experiment"],
        observable=entry["observable"],
        unit=entry["unit"],
        coordinates=tuple(entry["coordinates"]),
        x=np.stack(columns, axis=-1),
        y=observed[name].values,
        predictive=tree["posterior_predictive"].data_vars[name].values,
        log_likelihood=tree["log_likelihood"].data_vars[name].values,
        **{kind: constant[f"{kind}_{name}"].values for kind in POINTWISE},
    )


def _parameter_to_json(p: Parameter) -> dict[str, Any]:
    """JSON has no infinity: an absent bound is None."""
    bounds = {key: value if np.isfinite(value) else None for key, value in (("lower", p.lower), ("upper", p.upper))}
    law = {"law": type(p.prior).__name__, **asdict(p.prior)}  # type: ignore[call-overload]
    return {**{k: getattr(p, k) for k in PARAMETER}, **bounds, "prior": law}


def _parameter_from_json(entry: dict[str, Any]) -> Parameter:
    numbers = dict(entry["prior"])
    law = numbers.pop("law")
    if law not in LAWS:
        raise ValueError(f"unknown prior {law!r}; known: {', '.join(LAWS)}")
    prior: Prior = LAWS[law](**numbers)
    rest: dict[str, Any] = {k: entry[k] for k in PARAMETER}
    rest["lower"] = -np.inf if entry["lower"] is None else entry["lower"]
    rest["upper"] = np.inf if entry["upper"] is None else entry["upper"]
    return Parameter(prior=prior, **rest)
