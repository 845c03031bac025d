"""``twin models`` and ``twin data``: what there is."""

import json
from dataclasses import asdict
from typing import Any

from rich.table import Table

from twin import data
from twin.case_studies.console import Exit, console
from twin.model import Exact, Model
from twin.models import catalogue
from twin.space import Parameter
from twin.surrogate import read_header


def models(name: str | None, *, as_json: bool) -> Exit:
    """All models, or one with everything a user chooses from."""
    described = [describe(catalogue.presets(n)) for n in ((name,) if name else catalogue.names())]
    if as_json:
        console().print_json(json.dumps(described))
    elif name is None:
        table = Table("model", "presets", "source", box=None)
        for entry in described:
            first = entry["presets"][0]
            table.add_row(entry["model"], ", ".join(p["preset"] for p in entry["presets"]), first["source"])
        console().print(table)
    else:
        for preset in described[0]["presets"]:
            _print_preset(described[0]["model"], preset)
    return Exit.DONE


def describe(presets: Any) -> dict[str, Any]:
    """A model's presets as plain data."""
    found: list[Model] = list(presets.values())
    return {"model": found[0].name, "presets": [_preset(model) for model in found]}


def data_sets(*, as_json: bool) -> Exit:
    """The measured data sets, and whether they are on this machine."""
    entries = [asdict(entry) | {"here": _is_here(entry.file)} for entry in data.CATALOGUE]
    if as_json:
        console().print_json(json.dumps(entries))
    else:
        table = Table("name", "what", "licence", "cite", "here", box=None)
        for entry in entries:
            here = "yes" if entry["here"] else "no"
            table.add_row(entry["name"], entry["title"], entry["licence"], entry["citation"], here)
        console().print(table)
    return Exit.DONE


def get_data_set(name: str) -> Exit:
    """The path of a data set."""
    console().print(str(data.get_data(data.data_set(name))))
    return Exit.DONE


def _is_here(file: str) -> bool:
    try:
        data.find_data(file)
    except data.DataNotFoundError:
        return False
    return True


def _preset(model: Model) -> dict[str, Any]:
    surrogates = []
    for path in catalogue.shipped(model):
        header = read_header(path)
        surrogates.append({"file": path.name, "mode": header["mode"], "errors": header["record"].get("errors", {})})
    return {
        "preset": model.preset,
        "source": model.source,
        "closed_form": isinstance(model, Exact),
        "parameters": [_parameter(p) for p in model.space.parameters],
        "conditions": [_parameter(p) for p in model.conditions.parameters],
        "observables": [{"name": o.name, "unit": o.unit, "meaning": o.meaning} for o in model.observables],
        "surrogates": surrogates,
    }


def _parameter(p: Parameter) -> dict[str, Any]:
    low, high = (float(v) if abs(v) < float("inf") else None for v in p.bounds)
    return {
        "name": p.name, "unit": p.unit, "prior": repr(p.prior), "nominal": p.nominal, "low": low, "high": high,
        "meaning": p.meaning, "source": p.source,
    }  # fmt: skip


def _print_preset(model: str, preset: dict[str, Any]) -> None:
    out = console()
    out.print(f"[bold]{model}[/bold], preset [bold]{preset['preset']}[/bold]")
    out.print(f"  {preset['source']}")
    for title, rows in (("parameters", preset["parameters"]), ("conditions", preset["conditions"])):
        table = Table(title, "unit", "prior", "valid range", "meaning", "source", box=None, pad_edge=False)
        for row in rows:
            ends = (
                "-∞" if row["low"] is None else f"{row['low']:g}",
                "∞" if row["high"] is None else f"{row['high']:g}",
            )
            table.add_row(row["name"], row["unit"], row["prior"], " … ".join(ends), row["meaning"], row["source"])
        out.print(table)
    if preset["closed_form"]:
        out.print("  closed form: no surrogate is needed")
    for surrogate in preset["surrogates"]:
        for name, e in surrogate["errors"].items():
            out.print(
                f"  surrogate {surrogate['file']} ({surrogate['mode']}): {name} rms error median {e['median']:.2g}, "
                f"99th percentile {e['p99']:.2g}, bias {e['bias']:.2g} {e['unit']} on {e['n']} held-out solves"
            )
    out.print()
