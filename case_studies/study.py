"""What a calibration is asked to do, as the command line or a TOML file says it."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from twin.space import nearest

HELD_OUT = "held-out"
"""In place of a discrepancy's size: to be taken from the experiments of ``hold_out``."""


class Study(BaseModel):
    """Options of ``twin calibrate``; field names are the keys of ``--config study.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    data: tuple[Path, ...] = ()
    set: dict[str, float] = {}
    out: Path
    preset: str | None = None
    select: dict[str, tuple[str, ...]] = {}
    by: str | None = None
    column: dict[str, str] = {}
    condition: dict[str, float] = {}
    fix: dict[str, float] = {}
    noise: str = "gaussian"
    autoregressive: tuple[str, ...] = ()
    discrepancy: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["held-out"]] = {}
    orthogonal: bool = False
    hold_out: tuple[str, ...] = ()
    candidate: tuple[dict[str, float], ...] = ()
    identify: bool = True
    surrogate: Path | None = None
    surrogate_error: str = "marginalised"
    sampler: str = "ladder"
    verify: int = Field(default=0, ge=0)
    verify_seconds: float = Field(default=300.0, gt=0)
    seed: int = Field(default=0, ge=0)
    time_budget: float | None = Field(default=None, gt=0)


def study_of(options: dict[str, Any], config: Path | None) -> Study:
    """The study of a TOML file with command-line options on top. ValueError names the wrong key or value."""
    values = dict(_read(config)) if config is not None else {}
    values |= {key: value for key, value in options.items() if value not in (None, {}, ())}
    for key in values:
        if key not in Study.model_fields:
            raise ValueError(f"{config}: unknown key {key!r}{nearest(key, tuple(Study.model_fields))}")
    if not values.get("data") and not values.get("set") and "model" in values:
        raise ValueError("data is not given; name a table, or type what was measured with --set name=value")
    try:
        return Study(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] in ("missing", "too_short"):
            raise ValueError(f"{where} is not given; see 'twin calibrate --help', or write it in --config") from error
        raise ValueError(f"{config or 'options'}: {where}: {first['msg']}, got {first['input']!r}") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); expected a TOML file of options") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f'{path}: not TOML ({error}); expected lines like: sampler = "nuts"') from error


def pairs(texts: list[str], option: str) -> dict[str, str]:
    """``name=value`` options as a mapping. ValueError for one without '=' or given twice."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise ValueError(f"--{option} {text}: expected name=value")
        if name.strip() in found:
            raise ValueError(f"--{option} {name.strip()}: given twice")
        found[name.strip()] = value.strip()
    return found


def numbers(texts: list[str], option: str) -> dict[str, float]:
    """``name=number`` options as a mapping."""
    found = {}
    for name, value in pairs(texts, option).items():
        try:
            found[name] = float(value)
        except ValueError as error:
            raise ValueError(f"--{option} {name}={value}: expected a number") from error
    return found


def sizes(texts: list[str], option: str) -> dict[str, float | str]:
    """``name=number`` or ``name=held-out`` options as a mapping."""
    found: dict[str, float | str] = {}
    for name, value in pairs(texts, option).items():
        found[name] = value if value == HELD_OUT else numbers([f"{name}={value}"], option)[name]
    return found


def sets(texts: list[str], option: str) -> tuple[dict[str, float], ...]:
    """``name=number[,name=number]`` options, each a mapping of its own."""
    return tuple(numbers(text.split(","), option) for text in texts)


def lists(texts: list[str], option: str) -> dict[str, tuple[str, ...]]:
    """``name=a,b`` options as a mapping to tuples."""
    return {name: tuple(v.strip() for v in value.split(",")) for name, value in pairs(texts, option).items()}
