"""The report's section on what the data can tell at all, from ``identify``. It warns and never refuses."""

from collections.abc import Mapping, Sequence
from typing import Any

from twin.inference.identifiability.profiles import LEVEL
from twin.inference.posterior import Posterior
from twin.inference.report.drawing import embed
from twin.inference.report.figures_identifiability import MOST, draw_profiles, draw_spectrum
from twin.inference.report.numbers import NONE, digits, number, percent
from twin.inference.report.tables import Section

Found = Mapping[str, Any]


def identifiability(posterior: Posterior, summary: Mapping[str, Any]) -> Section | None:
    """Combinations in words, parameters, profiles and further measurements; None where nobody asked for them."""
    found = posterior.metadata.get("identifiability")
    if found is None:
        return None
    walked = drawn(found["profiles"])
    content = {
        "headline": found["headline"],
        "warnings": found["warnings"],
        "advice": found["advice"],
        "remarks": found["remarks"],
        "points": found["values"],
        "draws": found["prior"]["used"],
        "asked": found["prior"]["draws"],
        "spectrum": embed(lambda: draw_spectrum(found), "spectrum", "strength and weights of each combination"),
        "profiles": embed(lambda: draw_profiles(walked), "profiles", "profile likelihood of each parameter"),
        "left_out": len(found["profiles"]) - len(walked),
        "directions": [_direction_row(i, d) for i, d in enumerate(found["directions"])],
        "parameters": [_parameter_row(i, found) for i in range(len(found["names"]))],
        "level": percent(LEVEL),
        "partly": [_partly(i) for i in found["indices"] if min(i["points"], i["used"]) < 1.0],
        "candidates": [_candidate_row(c, found["names"]) for c in found["candidates"]],
    }
    return Section("What the data can tell", "identifiability", "identifiability.html.j2", content)


def drawn(profiles: Sequence[Found]) -> list[Found]:
    """The profiles to draw: all, or the open ones first."""
    order = sorted(range(len(profiles)), key=lambda i: None not in (profiles[i]["low"], profiles[i]["high"]))
    return [profiles[i] for i in sorted(order[:MOST])]


def _direction_row(i: int, direction: Found) -> dict[str, Any]:
    return {
        "number": i + 1,
        "words": direction["words"],
        "width": percent(direction["width"]) if direction["width"] >= 0.01 else "below 1 %",
        "sloppy": direction["sloppy"],
    }


def _parameter_row(i: int, found: Found) -> dict[str, str]:
    over_prior, at_mode = found["prior"]["contraction"][i], found["mode"]["contraction"][i]
    sd = found["mode"]["sd"][i]
    return {
        "name": found["names"][i],
        "over_prior": NONE if over_prior is None else percent(over_prior),
        "at_mode": NONE if at_mode is None else percent(at_mode),
        "sd": number(sd, 2),
        "interval": interval_of(found["profiles"][i]),
        "index": _largest_index(i, found["indices"]),
    }


def interval_of(profile: Found) -> str:
    """``[0.071, 0.089]``, with the open side in words."""
    low, high = profile["low"], profile["high"]
    if low is None and high is None:
        return "open to both sides"
    if low is None or high is None:
        end = high if low is None else low
        form = digits(end, abs(end - profile["values"][len(profile["values"]) // 2]))
        sign, side = ("≤", "left") if low is None else ("≥", "right")
        return f"{sign} {form.show(end)} {form.power}".strip() + f", open to the {side}"
    form = digits(0.5 * (low + high), 0.25 * (high - low))
    return f"[{form.show(low)}, {form.show(high)}] {form.power}".strip()


def _largest_index(i: int, indices: Sequence[Found]) -> str:
    """The largest total index of a parameter, and of which curve."""
    known = [(curve["total"][i], curve) for curve in indices if curve["total"][i] is not None]
    if not known:
        return NONE
    value, curve = max(known, key=lambda pair: pair[0])
    return f"{percent(max(0.0, value))} of {curve['observable']}[{curve['experiment']}]"


def _partly(curve: Found) -> str:
    return (
        f"{curve['observable']}[{curve['experiment']}]: {percent(curve['points'])} of its points, there with "
        f"{percent(curve['used'])} of the prior draws"
    )


def _candidate_row(candidate: Found, names: Sequence[str]) -> dict[str, str]:
    added = [(value, name) for value, name in zip(candidate["contraction"], names, strict=True) if value is not None]
    value, name = max(added, default=(0.0, NONE))
    last = candidate["sharpening"][-1] if candidate["sharpening"] else None
    return {
        "name": candidate["name"],
        "gain": number(candidate["gain"], 2),
        "error": number(candidate["error"], 1),
        "most": NONE if not added else f"{name} +{percent(value)}",
        "ratio": NONE if last is None else percent(last),
    }
