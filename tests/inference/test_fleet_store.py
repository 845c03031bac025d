"""What a fleet's store holds is whole, said once, and of one kind."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from decaying import cell, fleet, likelihood, pieces
from hypothesis import given
from hypothesis import strategies as st

from twin.inference.fleet.piece import Key, Piece, objection, shares
from twin.inference.fleet.plan import (
    ENOUGH,
    SPAN,
    ChunkPlan,
    Entry,
    Kind,
    Plan,
    as_json,
    chunks_of,
    from_json,
    newest,
    unfinished,
)
from twin.inference.fleet.record import Record, moments, records_of, refusal, schema_of
from twin.inference.fleet.solve import Name, record_of
from twin.inference.fleet.store import append, open_store, read_store, with_plan
from twin.inference.units.solve import UnitAnswer

ABOUT = {"model": "decay", "seed": 0}
SPACE = likelihood().space
SCHEMA = schema_of(SPACE, 4, {"about": ABOUT})


def record(unit: str, time: float | None = None, seed: int = 0) -> Record:
    rng = np.random.default_rng(seed)
    p, root = len(SPACE), rng.standard_normal((3, 3))
    return Record(
        unit=unit,
        time=time,
        digest=f"{seed:032x}",
        verdict="accepted",
        rung="laplace",
        reason="good",
        khat=float("nan") if seed % 2 else 0.3,
        ess=400.0,
        readings=20,
        mean=rng.standard_normal(p),
        sd=rng.standard_normal(p),
        quantiles=rng.standard_normal((3, p)),
        u_mean=rng.standard_normal(p),
        u_covariance=root @ root.T,
        draws=rng.standard_normal((4, p)),
    )


def plan_of(*chunks: list[Record]) -> Plan:
    pieces = [tuple(((r.unit, r.time), r.digest) for r in chunk) for chunk in chunks]
    return Plan(ABOUT, 2, tuple(ChunkPlan(Kind.OWN, (20,), part) for part in pieces))


def stored(folder: Path, *plans: list[list[Record]]) -> None:
    """A store of some plans whose chunks are all done."""
    store = open_store(folder, ABOUT)
    for plan in plans:
        store = with_plan(store, plan_of(*plan))
        for j, chunk in enumerate(plan):
            append(store, len(store.plans) - 1, j, chunk, SCHEMA)


def test_records_come_back_as_they_were_stored(tmp_path: Path) -> None:
    kept = [record("a", seed=1), refusal("b", 3.0, "0", 7, "no data", (4, 3)), record("c", 2.5, seed=2)]
    stored(tmp_path, [kept[:2], kept[2:]])
    found = list(records_of(read_store(tmp_path)))
    assert len(found) == len(kept)
    for one, other in zip(found, kept, strict=True):
        for field in fields(Record):
            np.testing.assert_equal(getattr(one, field.name), getattr(other, field.name))
    mean, covariance = moments(read_store(tmp_path))
    np.testing.assert_equal(mean[2], kept[2].u_mean)
    np.testing.assert_equal(covariance[2], kept[2].u_covariance)


def test_columns_have_the_units_of_their_parameters(tmp_path: Path) -> None:
    stored(tmp_path, [[record("a")]])
    table = read_store(tmp_path)
    for parameter in SPACE.parameters:
        for figure in ("mean", "sd", "q05", "q50", "q95"):
            assert table.schema.field(f"{parameter.name}.{figure}").metadata[b"unit"].decode() == parameter.unit


def test_the_last_row_of_a_piece_is_the_one_that_counts(tmp_path: Path) -> None:
    first, second = [record("a", 1.0, 1), record("b", 1.0, 2)], [record("a", 2.0, 3), record("a", 1.0, 4)]
    stored(tmp_path, [first], [second])
    found = [(r.unit, r.time, r.digest) for r in records_of(read_store(tmp_path))]
    assert found == [("b", 1.0, f"{2:032x}"), ("a", 2.0, f"{3:032x}"), ("a", 1.0, f"{4:032x}")]


def test_a_store_about_something_else_is_refused_in_one_sentence(tmp_path: Path) -> None:
    stored(tmp_path, [[record("a")]])
    with pytest.raises(ValueError, match=r"holds answers with seed 0, not 1; choose another folder$"):
        open_store(tmp_path, {**ABOUT, "seed": 1})
    with pytest.raises(ValueError, match="holds answers with model 'decay', not None"):
        open_store(tmp_path, {"seed": 0})


def test_what_was_half_written_is_neither_read_nor_left(tmp_path: Path) -> None:
    stored(tmp_path, [[record("a")]])
    (tmp_path / ".chunk-0000-000001.parquet.x1").write_bytes(b"PAR1")
    assert read_store(tmp_path).num_rows == 1
    open_store(tmp_path, ABOUT)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["chunk-0000-000000.parquet", "plan-0000.json"]


def test_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no answers of a fleet are stored here"):
        read_store(tmp_path)
    stored(tmp_path, [[record("a")]], [[record("b")]])
    (tmp_path / "chunk-0001-000000.parquet").write_bytes(b"PAR1")
    with pytest.raises(
        ValueError, match=r"chunk-0001-000000.parquet: damaged \(.*\); remove it and run the fleet again"
    ):
        read_store(tmp_path)
    (tmp_path / "plan-0001.json").write_text("{}")
    with pytest.raises(ValueError, match=r"plan-0001.json: expected the plan of a fleet, got KeyError"):
        open_store(tmp_path, ABOUT)
    (tmp_path / "plan-0000.json").unlink()
    with pytest.raises(ValueError, match=r"a plan is missing among plan-0001.json"):
        open_store(tmp_path, ABOUT)


KINDS = st.sampled_from(list(Kind))


@given(st.lists(st.tuples(KINDS, st.integers(1, 300)), min_size=1, max_size=60), st.integers(1, 9))
def test_every_piece_is_in_one_chunk_of_its_kind_that_is_long_enough(sizes: list[tuple[Kind, int]], size: int) -> None:
    entries: dict[Key, Entry] = {
        (f"{i}", None): Entry((f"{i}", None), "", kind, (n,)) for i, (kind, n) in enumerate(sizes)
    }
    chunks = chunks_of(entries.values(), size)
    assert sorted(key for c in chunks for key, _ in c.pieces) == sorted(entries)
    for chunk in chunks:
        own = [entries[key] for key, _ in chunk.pieces]
        assert len(own) <= size
        assert all(e.kind is chunk.kind and (e.kind is Kind.REFUSED or e.lengths <= chunk.lengths) for e in own)
    plan = Plan(ABOUT, size, chunks)
    assert from_json(as_json(plan)) == plan


def test_many_short_pieces_are_not_padded_to_a_long_one() -> None:
    lengths = [30] * ENOUGH + [30 * SPAN + 8, 31]
    chunks = chunks_of([Entry((f"{i}", None), "", Kind.OWN, (n,)) for i, n in enumerate(lengths)], 128)
    assert {c.lengths for c in chunks} == {(30 * SPAN + 8,), (31,)}
    assert sum(len(c.pieces) for c in chunks if c.lengths == (31,)) == ENOUGH + 1


def test_a_chunk_is_taken_up_again_only_as_it_was_planned() -> None:
    a, b, c = record("a", seed=1), record("b", seed=2), record("c", seed=3)
    new = record("b", seed=4)

    def offered(*records: Record) -> dict[Key, Entry]:
        return {(r.unit, r.time): Entry((r.unit, r.time), r.digest, Kind.OWN, (20,)) for r in records}

    plans = [plan_of([a, b], [c])]
    assert unfinished(plans, set(), offered(a, b, c)) == [(0, 0), (0, 1)]
    assert unfinished(plans, {(0, 1)}, offered(a, b, c)) == [(0, 0)]
    assert unfinished(plans, set(), offered(a, c)) == [(0, 1)]
    assert unfinished(plans, set(), offered(a, new, c)) == [(0, 1)]
    later = [*plans, plan_of([new])]
    assert unfinished(later, set(), offered(a, b, c)) == [(0, 1)]
    assert newest(later, {(0, 0), (1, 0)}) == {("a", None): a.digest, ("b", None): new.digest}


def test_a_digest_tells_all_that_is_measured_and_nothing_else() -> None:
    own = cell(1)
    digest = Piece("a", [own]).digest
    hidden = replace(own, mask=own.mask & (np.arange(20) != 3)[:, None])
    other = replace(hidden, y=np.where(hidden.mask, own.y, 17.0))
    assert Piece("b", [replace(own, name="other")], 3.0).digest == digest
    assert Piece("a", [hidden]).digest == Piece("a", [other]).digest != digest
    changed = [
        replace(own, y=own.y + 1e-15),
        replace(own, x=own.x + 1e-9),
        replace(own, conditions={"rate": 1.1}),
        replace(own, sd=np.full(own.y.shape, 0.1)),
        replace(own, units={"voltage": "mV"}),
    ]
    assert len({digest, *(Piece("a", [e]).digest for e in changed)}) == len(changed) + 1


def test_pieces_that_do_not_fit_the_likelihood_say_why() -> None:
    shared, own = likelihood(), cell(1)
    reasons = {
        "expected 1 experiments, got 2": [own, own],
        r"cell 1: expected ('time',) and ('voltage',)": [replace(own, observables=("heat",), units={"heat": "mW"})],
        "voltage must be in V, got mV": [replace(own, units={"voltage": "mV"})],
        "rate = 17 1 lies outside the valid range": [replace(own, conditions={"rate": 17.0})],
        "no parameter 'speed'": [replace(own, conditions={"speed": 1.0})],
    }
    for reason, experiments in reasons.items():
        assert reason in objection(shared, Piece("a", experiments))
    assert objection(shared, Piece("a", refused="unreadable")) == "unreadable"
    assert not any(objection(shared, piece) for piece in pieces(range(3)))
    with pytest.raises(ValueError, match="piece of unit a: expected experiments, or the reason"):
        Piece("a")


def test_a_piece_shares_what_is_the_same_to_the_last_bit() -> None:
    shared, own = likelihood(), cell(1)
    assert shares(shared, Piece("a", [own]))
    assert fleet().likelihood().space == shared.space
    for other in (replace(own, x=own.x * (1 + 1e-15)), cell(1, rate=1.1), replace(own, sd=np.full(own.y.shape, 0.1))):
        assert not shares(shared, Piece("a", [other]))


@pytest.mark.parametrize(("converged", "verdict"), [(True, "accepted"), (False, "not trustworthy")])
def test_what_is_kept_of_weighted_draws_are_their_moments_and_quantiles(converged: bool, verdict: str) -> None:
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.full(20000, 3.0))
    u = rng.multivariate_normal([1.0, -2.0], [[2.0, 0.6], [0.6, 0.5]], 20000)
    theta = np.exp(u)
    answer = UnitAnswer(0, u, theta, np.log(weights), np.nan, 900.0, "nuts", "R-hat", converged)
    found = record_of(Name("a", 2.0, "0", 7), answer, 400, 2)
    assert (found.unit, found.time, found.readings, found.rung, found.verdict) == ("a", 2.0, 7, "nuts", verdict)
    np.testing.assert_allclose(found.u_mean, np.average(u, axis=0, weights=weights))
    np.testing.assert_allclose(found.u_covariance, np.cov(u.T, aweights=weights, ddof=0))
    np.testing.assert_allclose(found.mean, np.average(theta, axis=0, weights=weights))
    np.testing.assert_allclose(found.sd**2, np.average((theta - found.mean) ** 2, axis=0, weights=weights))
    exact = np.exp([1.0, -2.0] + np.sqrt([2.0, 0.5]) * np.array([[-1.6449], [0.0], [1.6449]]))
    np.testing.assert_allclose(found.quantiles, exact, rtol=0.05)
    np.testing.assert_allclose(np.log(found.draws).mean(axis=0), [1.0, -2.0], atol=0.25)
    np.testing.assert_allclose(np.log(found.draws).std(axis=0), np.sqrt([2.0, 0.5]), rtol=0.15)
