"""Which models there are: every module of this folder that defines ``MODEL`` and ``PRESETS``."""

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from twin.model import Model
from twin.space import nearest
from twin.training.build import Trainable

HERE = Path(__file__).parent


def names() -> tuple[str, ...]:
    """Module names of the models, sorted."""
    found = (info.name for info in pkgutil.iter_modules([str(HERE)]) if not info.ispkg)
    return tuple(sorted(name for name in found if hasattr(_module(name), "MODEL")))


def presets(name: str) -> Mapping[str, Model]:
    """The presets of a model by name, the default first; ValueError lists the models."""
    if name not in names():
        raise ValueError(f"no model {name!r}{nearest(name, names())}")
    module = _module(name)
    default: Model = module.MODEL
    others: Mapping[str, Model] = getattr(module, "PRESETS", {})
    return {default.preset: default} | dict(others)


def model(name: str, preset: str | None = None) -> Model:
    """A model with one of its presets; ValueError lists the right ones."""
    known = presets(name)
    if preset is None:
        return next(iter(known.values()))
    if preset not in known:
        raise ValueError(f"{name} has no preset {preset!r}{nearest(preset, tuple(known))}")
    return known[preset]


def shipped(of: Model) -> tuple[Path, ...]:
    """Files of surrogates that come with the package for a model, physics-only first."""
    order = {mode: i for i, mode in enumerate(("physics", "hybrid", "data"))}
    preset = of.trained_as.preset if isinstance(of, Trainable) else of.preset
    files = (HERE / "weights").glob(f"{of.name}.{preset}.*.safetensors")
    return tuple(sorted(files, key=lambda path: order.get(path.name.split(".")[2], len(order))))


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"twin.models.{name}")
