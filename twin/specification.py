"""Networks as plain data, for the header of a surrogate's file."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from twin import networks
from twin.networks import Network

KINDS = {kind.__name__: kind for kind in (networks.MLP, networks.ModifiedMLP, networks.ChebyshevKAN, networks.Stack)}
ACTIVATIONS = {function.__name__: function for function in (networks.tanh, networks.sine)}


def specification_of(network: Network) -> dict[str, Any]:
    """The network's class and fields, JSON-ready."""
    kind = type(network).__name__
    if kind not in KINDS:
        raise ValueError(f"a {kind} cannot be written to a file; known: {', '.join(KINDS)}")
    return {"kind": kind} | {f.name: _plain(getattr(network, f.name)) for f in fields(network)}  # type: ignore[arg-type]


def network_from(specification: Mapping[str, Any]) -> Network:
    """The network of a specification; the inverse of ``specification_of``."""
    kind = KINDS.get(specification["kind"])
    if kind is None:
        raise ValueError(f"unknown network {specification['kind']!r}; known: {', '.join(KINDS)}")
    values = {k: _typed(v) for k, v in specification.items() if k != "kind"}
    network: Network = kind(**values)
    return network


def _plain(value: Any) -> Any:
    if callable(value) and getattr(value, "__name__", "") in ACTIVATIONS:
        return {"activation": value.__name__}
    if type(value).__name__ in KINDS:
        return specification_of(value)
    return list(value) if isinstance(value, tuple) else value


def _typed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return network_from(value) if "kind" in value else ACTIVATIONS[value["activation"]]
    return tuple(value) if isinstance(value, list) else value
