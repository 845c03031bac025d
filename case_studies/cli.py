"""The command ``twin``: names of models, samplers and files meet the library here and nowhere else."""

import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from twin.case_studies.console import Exit, guarded, leave, say

app = typer.Typer(
    name="twin",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Calibrates physical models against measurements and says how far to trust the answer.",
)
data_app = typer.Typer(no_args_is_help=True, help="Measured data sets: what there is, and how to get it.")
app.add_typer(data_app, name="data")

USAGE_ERROR: Any = typer.BadParameter.__mro__[2]
"""``ClickException`` of the click that typer stands on, which may be its own copy (typer 0.29)."""

Json = Annotated[bool, typer.Option("--json", help="Print the summary as JSON instead of text.")]
Preset = Annotated[str | None, typer.Option(help="Preset of the model; 'twin models NAME' lists them.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed; the same seed gives the same answer.")]
Budget = Annotated[float | None, typer.Option(help="Stop after this many seconds and keep what is finished.")]


@app.callback()
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Options that stand before the command."""
    context.obj = debug


def run(context: typer.Context, job: Callable[[], Exit]) -> None:
    """Ends the process with the job's exit code."""
    leave(guarded(job, debug=bool(context.find_root().obj)))


@app.command(epilog="Example: twin models battery_spm")
def models(context: typer.Context, name: str | None = typer.Argument(None), json: Json = False) -> None:
    """List the models, or show one: source, parameters, conditions, presets, shipped surrogates."""
    from twin.case_studies import show

    run(context, partial(show.models, name, as_json=json))


@app.command(epilog="Example: twin demo battery --out runs/demo")
def demo(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="battery, engine or cardiac")] = "battery",
    out: Annotated[Path, typer.Option(help="Folder of the result.")] = Path("twin-demo"),
    verify: Annotated[int, typer.Option(help="Draws at which the reference solver is asked (battery: its extra).")] = 0,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Calibrate on a small synthetic example that ships with the package, offline, and write the report."""
    from twin.case_studies import demonstration

    run(context, partial(demonstration.run, name, out, seed, verify=verify, as_json=json))


@app.command(
    epilog="Example: twin calibrate battery_spm lgm50_rate_discharge.csv --preset soh6 --select T_amb_C=25 "
    "--select c_rate=0.1,0.5 --by c_rate --select step=discharge --out runs/cell"
)
def calibrate(
    context: typer.Context,
    model: Annotated[str | None, typer.Argument(help="Model name.")] = None,
    data: Annotated[list[Path] | None, typer.Argument(help="Tables: CSV, CSV.gz or Parquet.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the result.")] = None,
    preset: Preset = None,
    select: Annotated[list[str] | None, typer.Option(help="column=value[,value]: rows to use.")] = None,
    by: Annotated[str | None, typer.Option(help="Column that tells experiments apart.")] = None,
    column: Annotated[list[str] | None, typer.Option(help="name=COLUMN[:unit]: which column is what.")] = None,
    typed: Annotated[
        list[str] | None, typer.Option("--set", help="name=value: a measured number, instead of a table.")
    ] = None,
    condition: Annotated[list[str] | None, typer.Option(help="name=value: a known input.")] = None,
    fix: Annotated[list[str] | None, typer.Option(help="name=value: hold a parameter.")] = None,
    noise: Annotated[str | None, typer.Option(help="gaussian or student-t.")] = None,
    autoregressive: Annotated[list[str] | None, typer.Option(help="Observable with errors that follow on.")] = None,
    discrepancy: Annotated[
        list[str] | None, typer.Option(help="observable=size (or =held-out): allow for model error.")
    ] = None,
    orthogonal: Annotated[
        bool, typer.Option("--orthogonal", help="Keep it out of the parameters' directions.")
    ] = False,
    hold_out: Annotated[list[str] | None, typer.Option(help="Value of --by that is not fitted.")] = None,
    candidate: Annotated[
        list[str] | None, typer.Option(help="name=value[,name=value]: conditions of a further measurement to judge.")
    ] = None,
    identify: Annotated[bool, typer.Option(help="Say what the data can tell apart.")] = True,
    surrogate: Annotated[Path | None, typer.Option(help="Surrogate file instead of the shipped one.")] = None,
    surrogate_error: Annotated[str | None, typer.Option(help="marginalised, plug-in or none.")] = None,
    sampler: Annotated[str | None, typer.Option(help="ladder, nuts, laplace, svi or pyro-nuts.")] = None,
    verify: Annotated[
        int | None, typer.Option(help="Draws at which the reference solver is asked; 200 is good.")
    ] = None,
    verify_seconds: Annotated[
        float | None, typer.Option(help="Most seconds of chains on the reference solver, where nothing else helps.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; the same seed gives the same answer.")] = None,
    time_budget: Budget = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with the same options.")] = None,
    json: Json = False,
) -> None:
    """Posterior from measurements: writes posterior.nc, summary.json and report.html."""
    from twin.case_studies import commands, study

    def options() -> dict[str, Any]:
        return {
            "model": model, "data": tuple(data or ()), "out": out, "preset": preset, "by": by, "noise": noise,
            "select": study.lists(select or [], "select"), "column": study.pairs(column or [], "column"),
            "set": study.numbers(typed or [], "set"),
            "condition": study.numbers(condition or [], "condition"), "fix": study.numbers(fix or [], "fix"),
            "discrepancy": study.sizes(discrepancy or [], "discrepancy"), "orthogonal": orthogonal or None,
            "identify": None if identify else False, "hold_out": tuple(hold_out or ()),
            "candidate": study.sets(candidate or [], "candidate"), "autoregressive": tuple(autoregressive or ()),
            "surrogate": surrogate, "surrogate_error": surrogate_error, "sampler": sampler, "seed": seed,
            "verify": verify, "verify_seconds": verify_seconds, "time_budget": time_budget,
        }  # fmt: skip

    run(context, lambda: commands.calibrate(study.study_of(options(), config), as_json=json))


@app.command(epilog="Example: twin train battery_spm --preset pinnstripes2 --out pinnstripes2.safetensors")
def train(
    context: typer.Context,
    model: str,
    out: Annotated[Path, typer.Option(help="File of the surrogate.")],
    preset: Preset = None,
    mode: Annotated[str, typer.Option(help="physics, hybrid or data.")] = "physics",
    solves: Annotated[
        int | None, typer.Option(min=1, help="Reference solves that hybrid and data learn from; a recipe has its own.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    seed: Seed = 0,
    time_budget: Budget = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint beside --out.")] = False,
    json: Json = False,
) -> None:
    """Train a surrogate and hold it against the reference solver."""
    from twin.case_studies import commands

    job = partial(commands.train, model, preset, out, mode=mode, solves=solves, device=device, seed=seed)
    run(context, lambda: job(time_budget=time_budget, resume=resume, as_json=json))


@app.command(epilog="Example: twin check battery_spm --json")
def check(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="A surrogate file or a model.")],
    n: Annotated[int, typer.Option("--n", min=2, help="Fresh reference solves.")] = 64,
    preset: Preset = None,
    seed: Seed = 1,
    update: Annotated[
        bool, typer.Option("--update", help="Measure the error again and write it into the file.")
    ] = False,
    json: Json = False,
) -> None:
    """Error table of a surrogate against the reference solver on fresh points."""
    from twin.case_studies import commands

    again = partial(commands.update, Path(what), as_json=json)
    run(context, again if update else partial(commands.check, what, preset, n=n, seed=seed, as_json=json))


@app.command(epilog="Example: twin sbc battery_spm --preset pinnstripes2 --n 200 --out runs/sbc")
def sbc(
    context: typer.Context,
    model: str,
    n: Annotated[int, typer.Option("--n", help="Data sets to simulate and calibrate.")] = 200,
    out: Annotated[Path, typer.Option(help="Folder of the result.")] = Path("sbc"),
    preset: Preset = None,
    surrogate: Annotated[Path | None, typer.Option(help="Surrogate file instead of the shipped one.")] = None,
    surrogate_error: Annotated[str, typer.Option(help="marginalised, plug-in or none.")] = "marginalised",
    condition: Annotated[list[str] | None, typer.Option(help="name=value: a known input.")] = None,
    fix: Annotated[list[str] | None, typer.Option(help="name=value: hold a parameter.")] = None,
    points: Annotated[int, typer.Option(help="Measured points of a data set.")] = 100,
    span: Annotated[float, typer.Option(help="Share of the experiment that is measured.")] = 1.0,
    measure: Annotated[
        list[str] | None, typer.Option(help="name[,name]: what is measured; default: every observable.")
    ] = None,
    seed: Seed = 0,
    time_budget: Budget = None,
    json: Json = False,
) -> None:
    """Simulate with the reference solver, infer with the surrogate, report ranks and coverage."""
    from twin.case_studies import sbc as job
    from twin.case_studies import study

    def do() -> Exit:
        conditions = tuple(study.numbers(condition or [], "condition").items())
        fixed = tuple(study.numbers(fix or [], "fix").items())
        names = tuple(name.strip() for part in measure or [] for name in part.split(","))
        plan = job.Plan(model, n, preset, surrogate, surrogate_error, conditions, fixed, points, span, seed, names)
        return job.run(plan, out, time_budget=time_budget, as_json=json)

    run(context, do)


@app.command(
    epilog="Example: twin monitor battery_circuit fleet.csv --unit cell --time day --fix U_plateau=3.74 "
    "--fix bend=2.27 --limit Q=0.9 --out runs/fleet"
)
def monitor(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Model name.")],
    table: Annotated[Path, typer.Argument(help="Table of all units: CSV, CSV.gz or Parquet.")],
    unit: Annotated[str, typer.Option(help="Column that tells units apart.")],
    time: Annotated[str, typer.Option(help="Column of the windows: one window per value, such as a cycle or a day.")],
    out: Annotated[Path, typer.Option(help="Folder of the result; a later run adds to it.")],
    preset: Preset = None,
    window: Annotated[float | None, typer.Option(help="Cut --time into windows of this length instead.")] = None,
    select: Annotated[list[str] | None, typer.Option(help="column=value[,value]: rows to use.")] = None,
    column: Annotated[list[str] | None, typer.Option(help="name=COLUMN[:unit]: which column is what.")] = None,
    condition: Annotated[list[str] | None, typer.Option(help="name=value: a known input.")] = None,
    fix: Annotated[list[str] | None, typer.Option(help="name=value: hold a parameter.")] = None,
    noise: Annotated[str, typer.Option(help="gaussian or student-t.")] = "gaussian",
    surrogate: Annotated[Path | None, typer.Option(help="Surrogate file instead of the shipped one.")] = None,
    watch: Annotated[list[str] | None, typer.Option(help="Parameter to watch; default: all.")] = None,
    wear: Annotated[list[str] | None, typer.Option(help="Parameter that may drift steadily without alarm.")] = None,
    limit: Annotated[list[str] | None, typer.Option(help="name=share of the unit's baseline.")] = None,
    floor: Annotated[list[str] | None, typer.Option(help="name=value: worn below it, as in Q=1.4Ah.")] = None,
    ceiling: Annotated[list[str] | None, typer.Option(help="name=value: worn above it.")] = None,
    baseline: Annotated[int, typer.Option(help="First windows of a unit, in which it is taken to be well.")] = 20,
    false_alarms: Annotated[
        float, typer.Option(help="Windows of a unit between false alarms of changes, on average.")
    ] = 1000.0,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default: one per core.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler, instead of processes.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on only if --out holds a run; else refuse.")] = False,
    seed: Seed = 0,
    time_budget: Budget = None,
    json: Json = False,
) -> None:
    """Watch a fleet: a posterior per unit and window, changes, limits, alarms. Run it again when rows were added."""
    from twin.case_studies import study

    def do() -> Exit:
        if find_spec("pyarrow") is None:
            raise ValueError("a fleet's store is kept as Parquet, which needs pyarrow; pip install 'twincal[parquet]'")
        from twin.case_studies import monitoring
        from twin.case_studies.fleet_study import FleetStudy

        chosen = FleetStudy(
            model=model, table=table, unit=unit, time=time, out=out, preset=preset, window=window, noise=noise,
            select=study.lists(select or [], "select"), column=study.pairs(column or [], "column"),
            condition=study.numbers(condition or [], "condition"), fix=study.numbers(fix or [], "fix"),
            surrogate=surrogate, watch=tuple(watch or ()), wear=tuple(wear or ()),
            limit=study.numbers(limit or [], "limit"), floor=study.pairs(floor or [], "floor"),
            ceiling=study.pairs(ceiling or [], "ceiling"), baseline=baseline, false_alarms=false_alarms, seed=seed,
            workers=workers, scheduler=scheduler, resume=resume, time_budget=time_budget,
        )  # fmt: skip
        return monitoring.monitor(chosen, as_json=json)

    run(context, do)


@app.command(epilog="Example: twin predict runs/cell/posterior.nc --set c_rate=1 --out runs/cell-1C")
def predict(
    context: typer.Context,
    posterior: Path,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="name=value: a changed condition or parameter.")
    ] = None,
    scale: Annotated[
        list[str] | None, typer.Option(help="name=factor: a parameter times a factor in each draw, as by a drug.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the result.")] = Path("prediction"),
    experiment: Annotated[str | None, typer.Option(help="Experiment whose conditions are the baseline.")] = None,
    json: Json = False,
) -> None:
    """Push the posterior's draws through a changed condition: intervals, and of the paired difference."""
    from twin.case_studies import prediction, study

    run(
        context,
        lambda: prediction.run(
            posterior, study.numbers(changes or [], "set"), study.numbers(scale or [], "scale"), out, experiment,
            as_json=json,
        ),
    )  # fmt: skip


@app.command(epilog="Example: twin report runs/cell/posterior.nc")
def report(context: typer.Context, posterior: Path, json: Json = False) -> None:
    """Rewrite summary and report of a saved posterior, beside it."""
    from twin.case_studies import commands

    run(context, partial(commands.report, posterior, as_json=json))


@data_app.command("list", epilog="Example: twin data list")
def data_list(context: typer.Context, json: Json = False) -> None:
    """List the measured data sets with licence and citation."""
    from twin.case_studies import show

    run(context, partial(show.data_sets, as_json=json))


@data_app.command("get", epilog="Example: twin data get lgm50_rate_discharge")
def data_get(context: typer.Context, name: str) -> None:
    """Say where a data set lies, or fetch it, or say how to put it in place by hand."""
    from twin.case_studies import show

    run(context, partial(show.get_data_set, name))


def main() -> None:
    """Entry point: usage errors end with 2 and one message, as all bad input does."""
    try:
        app(standalone_mode=False)
    except USAGE_ERROR as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "twin"
        say(f"error: {error.format_message().rstrip('.') or 'no command given'}; see '{command} --help'")
        leave(Exit.BAD_INPUT)
    except typer.Abort:
        say("stopped by the user; nothing was written")
        leave(Exit.STOPPED)
    sys.exit(Exit.DONE)
