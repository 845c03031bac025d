"""From a model to the forward map that stands for it: the closed form, or a trained surrogate."""

from pathlib import Path

from twin.forward import Fixed
from twin.model import Exact, Forward, Model
from twin.models import catalogue
from twin.surrogate import load
from twin.training.build import Trainable


def forward_of(model: Model, surrogate: Path | None = None) -> Forward:
    """The model itself if it has a closed form, else ``surrogate`` or the first shipped one.

    ValueError if there is none, or if a surrogate is given for a closed form.
    """
    if isinstance(model, Exact) and isinstance(model, Forward):
        if surrogate is not None:
            raise ValueError(f"{model.name}/{model.preset} is a closed form and takes no surrogate; drop --surrogate")
        return model
    if not isinstance(model, Trainable):
        raise ValueError(f"{model.name}/{model.preset} has neither a closed form nor residuals to train on")
    return load(_file(model, surrogate), model)


def weights_of(model: Model, surrogate: Path | None = None) -> Path | None:
    """The file that ``forward_of`` reads; None for a closed form. ValueError if there is none."""
    return _file(model, surrogate) if isinstance(model, Trainable) and not isinstance(model, Exact) else None


def _file(model: Trainable, surrogate: Path | None) -> Path:
    files = (surrogate,) if surrogate is not None else catalogue.shipped(model)
    if not files:
        raise ValueError(
            f"no surrogate is shipped for {model.name}/{model.preset}; train one with "
            f"'twin train {model.name} --preset {model.preset} --out FILE' and give it with --surrogate FILE"
        )
    return files[0]


def with_fixed(forward: Forward, values: dict[str, float]) -> Forward:
    """The forward map with parameters held; itself if there are none."""
    return Fixed(forward, values) if values else forward
