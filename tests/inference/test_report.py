"""The report says everything a reader needs, to every reader, and never more than the posterior holds."""

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twin.inference.checks import run_checks
from twin.inference.posterior import Posterior, Series
from twin.inference.posterior_file import load, save
from twin.inference.report.numbers import prior_text
from twin.inference.report.page import render, write_report
from twin.inference.report.summary import summarise
from twin.inference.report.words import VERDICTS
from twin.priors import Beta, HalfNormal, LogNormal, Normal, Uniform
from twin.space import Parameter, Space

LAWS = (Normal(1.0, 0.5), LogNormal(1.0, 0.5), Uniform(0.0, 3.0), Beta(5.0, 2.0), HalfNormal(2.0))


class Text(HTMLParser):
    """The visible text, and every tag with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.parts: list[str] = []
        self.hidden = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.hidden += tag in ("style", "title")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in ("style", "title")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.parts).split())


def series(name: str, n: int, rng: np.random.Generator, *, observable: str = "voltage", gap: float = 0.0) -> Series:
    x = np.linspace(0.0, 3.0, n)[:, None]
    model = np.exp(-x[:, 0])
    return Series(
        experiment=name,
        observable=observable,
        unit="V",
        coordinates=("time",),
        x=x,
        y=model + 0.02 * rng.standard_normal(n),
        fitted=model + gap,
        model=model,
        noise=np.full(n, 0.02),
        surrogate=np.zeros(n),
        predictive=model + 0.02 * rng.standard_normal((2, 50, n)),
        log_likelihood=np.zeros((2, 1, n)),
    )


Make = Callable[..., Posterior]


@pytest.fixture(scope="module")
def make() -> Make:
    """A posterior of p parameters with priors of every kind, drawn independently near 0.8, and small."""

    def made(
        p: int = 3, *, chains: int = 2, draws: int = 300, latent: int = 0, n: int = 40, **changes: Any
    ) -> Posterior:
        rng = np.random.default_rng(1)
        names = [f"p{i}" for i in range(p)] + [f"gap[{i}]" for i in range(latent)]
        space = Space(
            tuple(
                Parameter(k, "1" if i % 2 else "m2/s", LAWS[i % 5], 0.8, f"meaning of {k}", "test")
                for i, k in enumerate(names)
            )
        )
        stats = {"diverging": np.zeros((chains, draws), dtype=bool), "energy": rng.standard_normal((chains, draws))}
        metadata = {
            "latent": names[p:],
            "noise": "Gaussian()",
            "noise_per_experiment": False,
            "surrogate_error": "exact",
            "discrepancy": None,
            "experiments": [{"name": "first", "conditions": {"rate": 1.5}, "source": None, "notes": ["rows dropped"]}],
        }
        posterior = Posterior(
            space=space,
            theta=0.8 + 0.02 * rng.standard_normal((chains, draws, len(names))),
            prior=space.draw(64, seed=0),
            series=(series("first", n, rng),),
            stats=stats,
            sampler="nuts",
            rung="nuts",
            reason="asked for",
            seed=7,
            seconds=12.0,
            khat=None,
            weight_ess=None,
            versions={"python": "3.11", "numpy": "2.0"},
            metadata=metadata | changes.pop("metadata", {}),
        )
        return replace(posterior, **changes)

    return made


def summary_of(posterior: Posterior, verdict: str = "unchecked", **more: Any) -> dict[str, Any]:
    about = {"model": "decay", "preset": "test", "sampler": posterior.sampler, "seed": 7, "seconds": 12.0}
    data = [{"path": "cell.csv", "sha256": "ab" * 32, "rows": 40}]
    rest = {"verdict": verdict, "versions": dict(posterior.versions), "data": data}
    return {**about, **summarise(posterior), **rest, **more}


def page_of(posterior: Posterior, **more: Any) -> str:
    return render(posterior, summary_of(posterior, **more))


def spoil_rhat(posterior: Posterior) -> Posterior:
    theta = posterior.theta.copy()
    theta[0, :, 0] += 0.1
    return replace(posterior, theta=theta)


def test_every_parameter_check_experiment_and_origin_is_named(make: Make) -> None:
    posterior = make(5, metadata={"command": "twin calibrate decay cell.csv", "disclaimer": "A made-up cell."})
    text = Text(page_of(posterior)).text
    for p in posterior.space.parameters:
        assert p.name in text
        assert p.meaning in text
        assert prior_text(p) in text
    assert all(check.name in text for check in run_checks(posterior))
    for wanted in ("first", "rate = 1.5", "rows dropped", "Gaussian()", "asked for", "seed 7", "cell.csv", "ab" * 32):
        assert wanted in text
    assert "numpy 2.0" in text
    assert "twin calibrate decay cell.csv" in text
    assert "A made-up cell." in text
    assert "closed form" in text


def test_the_page_reaches_nothing_outside_itself(make: Make) -> None:
    page = page_of(make(6, n=700, draws=600))
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", re.sub(r"base64,[\w+/=]+", "", page))
    parsed = Text(page)
    assert not {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in parsed.tags}
    sources = [a["src"] for _, a in parsed.tags if "src" in a]
    assert all(s is not None and s.startswith("data:image/png;base64,") for s in sources)
    targets = {a["id"] for _, a in parsed.tags if "id" in a}
    assert {a["href"] for _, a in parsed.tags if "href" in a} <= {f"#{t}" for t in targets}


def test_ids_are_unique_over_all_figures(make: Make) -> None:
    rng = np.random.default_rng(0)
    page = page_of(make(series=tuple(series(f"e{i}", 20, rng) for i in range(3))))
    ids = [a["id"] for _, a in Text(page).tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_strings_from_outside_are_shown_and_never_run(make: Make) -> None:
    nasty = '<script>alert("1")</script> $x^{2 & "q"'
    prior = Parameter(nasty, nasty, Normal(0.8, 1.0), 0.8, nasty, nasty)
    plain = make(2)
    source = {"path": nasty, "sha256": nasty, "rows": 3}
    posterior = replace(
        plain,
        space=Space((prior, plain.space.parameters[1])),
        series=(replace(plain.series[0], experiment=nasty, observable=nasty, unit=nasty, coordinates=(nasty,)),),
        reason=nasty,
        metadata={
            **plain.metadata,
            "command": nasty,
            "disclaimer": nasty,
            "experiments": [{"name": nasty, "conditions": {nasty: 1.0}, "source": source, "notes": [nasty]}],
        },
    )
    page = page_of(posterior, data=[source], versions={nasty: nasty}, model=nasty)
    parsed = Text(page)
    assert "script" not in {tag for tag, _ in parsed.tags}
    assert parsed.text.count(nasty) >= 12


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_verdict_is_a_sentence_with_an_icon_and_a_tone(make: Make, verdict: str) -> None:
    page = page_of(make(chains=4, draws=500), verdict=verdict)
    tone, headline, sentence = VERDICTS[verdict]
    assert f'class="verdict {tone}"' in page
    assert f"<h2>{headline}" in page
    assert sentence in Text(page).text


def test_unchecked_says_that_the_reference_solver_was_not_asked(make: Make) -> None:
    assert "The posterior was not compared with the reference solver." in page_of(make())


def test_an_unknown_verdict_is_refused(make: Make) -> None:
    with pytest.raises(ValueError, match=r"expected a verdict among confirmed, .* got 'fine'"):
        page_of(make(), verdict="fine")


def test_a_failed_check_stands_in_the_verdict_with_what_to_do_and_turns_it_bad(make: Make) -> None:
    good = make(chains=4, draws=500, n=60)
    assert "All 7 checks that apply to this run passed." in page_of(good)
    page = page_of(spoil_rhat(good), verdict="confirmed")
    text = Text(page).text
    assert 'class="verdict bad"' in page
    assert "Confirmed, and 2 checks failed" in text
    assert "2 of 7 checks failed: Agreement of the chains (R-hat), Effective sample size (ESS)." in text
    assert text.count("What to do:") == 2


def test_a_check_that_only_the_summary_knows_is_shown_and_counts(make: Make) -> None:
    summary = summary_of(make(chains=4, draws=500, n=60))
    summary["checks"]["future_check"] = {"value": 0.08, "limit": 0.05, "pass": False, "meaning": "solver gave up"}
    text = Text(render(make(chains=4, draws=500, n=60), summary)).text
    assert "1 of 8 checks failed: future_check." in text
    assert "Solver gave up" in text


def test_a_check_without_value_does_not_apply_and_one_not_finite_says_so(make: Make) -> None:
    text = Text(page_of(make())).text
    assert "tail of the importance weights".capitalize() in text
    assert "does not apply" in text
    stuck = make()
    stuck.theta[..., 0] = 0.8
    assert "not finite" in Text(page_of(stuck)).text


def test_the_flag_appears_exactly_where_the_data_do_not_inform(make: Make) -> None:
    for share, flagged in ((0.9, True), (0.75, False)):  # contraction 0.19 and 0.44
        posterior = make(1, chains=4, draws=2000)
        posterior.theta[..., 0] = 1.0 + share * 0.5 * np.random.default_rng(0).standard_normal((4, 2000))
        contraction = summarise(posterior)["parameters"]["p0"]["contraction"]
        assert (contraction < 0.3) is flagged
        page = page_of(posterior)
        assert ('<span class="flag">⚠ not informed by your data</span>' in page) is flagged
        assert ("Not informed by your data: p0." in page) is flagged


def test_a_posterior_outside_its_prior_is_flagged(make: Make) -> None:
    posterior = make(1)
    assert "outside the prior" not in page_of(posterior)
    far = replace(posterior, theta=posterior.theta + 3.0)
    assert "outside the prior&#39;s 99 % range" in page_of(far)


def test_latent_parameters_are_counted_and_not_listed(make: Make) -> None:
    text = Text(page_of(make(2, latent=30))).text
    assert "30 latent parameters" in text
    assert "gap[3] " not in text.split("Parameters Parameter")[1].split("Data and fit")[0]


def test_residuals_with_and_without_discrepancy_appear_if_there_is_one(make: Make) -> None:
    rng = np.random.default_rng(0)
    assert "model alone" not in page_of(make())
    page = page_of(make(series=(series("first", 20, rng, gap=0.01),)))
    assert page.count(">model alone<") == 2
    assert "RMSE, model alone" in page


def test_axes_carry_quantity_and_unit(make: Make) -> None:
    text = Text(page_of(make(metadata={"units": {"time": "s", "rate": "1/h"}}))).text
    for label in ("voltage [V]", "time [s]", "measured − model [V]", "rate = 1.5 1/h"):
        assert label in text


def test_surrogate_error_is_stated_against_the_noise(make: Make) -> None:
    plain = make()
    rough = replace(plain.series[0], surrogate=np.full(40, 0.005))
    told = {"marginalised": "marginalised", "plug-in": "plugged in", "none": "left out of the likelihood"}
    for used, words in told.items():
        posterior = replace(plain, series=(rough,), metadata={**plain.metadata, "surrogate_error": used})
        text = Text(page_of(posterior)).text
        assert words in text
        assert "0.0050 0.0050 0.020 25 %" in text


def test_the_same_posterior_gives_the_same_bytes(make: Make, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_report(make(4, n=700), summary_of(make(4, n=700)), tmp_path / f"{name}.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_a_loaded_posterior_gives_the_page_of_the_saved_one(made_posterior: Make, tmp_path: Path) -> None:
    posterior = made_posterior()
    save(posterior, tmp_path / "posterior.nc")
    summary = summary_of(posterior)
    assert render(load(tmp_path / "posterior.nc"), summary) == render(posterior, summary)


def test_a_summary_of_another_posterior_is_refused(make: Make) -> None:
    with pytest.raises(ValueError, match="must have the same parameters"):
        render(make(2), summary_of(make(3)))
    with pytest.raises(ValueError, match="must have the same series"):
        render(make(series=(series("other", 20, np.random.default_rng(0)),)), summary_of(make()))
    with pytest.raises(ValueError, match="without checks, fit"):
        render(make(), {"parameters": {}})


def many_series() -> tuple[Series, ...]:
    rng = np.random.default_rng(0)
    return tuple(series(f"e{i}", 30, rng, observable=o) for i in range(8) for o in ("voltage", "heat"))


def with_gap(posterior: Posterior) -> Posterior:
    broken = posterior.series[0].fitted.copy()
    broken[5:9] = np.nan
    return replace(posterior, series=(replace(posterior.series[0], fitted=broken),))


def stuck(posterior: Posterior, which: slice = slice(None)) -> Posterior:
    theta = posterior.theta.copy()
    theta[..., which] = 0.8
    return replace(posterior, theta=theta)


CASES: dict[str, Callable[[Make], Posterior]] = {
    "one chain": lambda make: make(chains=1),
    "odd number of draws": lambda make: make(chains=1, draws=301),
    "importance weights": lambda make: make(stats={}, rung="laplace", khat=0.3, weight_ess=900.0),
    "one parameter": lambda make: make(1),
    "fourteen parameters": lambda make: make(14),
    "thirty latent parameters": lambda make: make(3, latent=30),
    "twenty thousand points": lambda make: make(n=20_000),
    "one point": lambda make: make(n=1),
    "missing predictions": lambda make: with_gap(make()),
    "nothing moves": lambda make: stuck(make()),
    "one parameter stuck": lambda make: stuck(make(), slice(0, 1)),
    "sixteen series": lambda make: make(series=many_series()),
    "nine chains": lambda make: make(chains=9, draws=100),
    "tiny numbers": lambda make: (lambda p: replace(p, theta=p.theta * 1e-14))(make(3)),
    "a letter our font lacks": lambda make: make(
        series=(replace(series("電池", 20, np.random.default_rng(0)), observable="電圧"),)
    ),
    "no metadata": lambda make: replace(make(), metadata={}),
}


@pytest.mark.parametrize("case", CASES)
def test_unusual_posteriors_are_reported_whole_in_a_small_page(make: Make, case: str) -> None:
    posterior = CASES[case](make)
    page = page_of(posterior)
    text = Text(page).text
    assert len(page.encode()) < 2_000_000
    assert all(s.experiment in text and s.observable in text for s in posterior.series)
    assert all(n in text for n in posterior.space.names if n not in posterior.latent)
    assert "nan" not in text.lower().replace("provenance", "").split()


def test_what_is_left_out_of_a_drawing_is_said(make: Make) -> None:
    assert "600 of 20000 points are drawn" in page_of(make(n=20_000))
    assert "The 10 parameters most correlated" in Text(page_of(make(14))).text
    assert "2 more are left out" in Text(page_of(make(14))).text
    assert "6 more are in the table only" in Text(page_of(make(series=many_series()))).text
    weighted = page_of(make(stats={}, rung="laplace", khat=0.3, weight_ess=900.0))
    assert "there are no chains to look at" in weighted
    assert "energy steps" not in weighted
