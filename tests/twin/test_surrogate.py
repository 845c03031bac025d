import json
import pickle
import tempfile
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors
import safetensors.numpy
import torch

from twin.error import ErrorModel, uncorrelated
from twin.models.battery.nrel import pinnstripes2
from twin.networks import MLP, Stack
from twin.surrogate import HEADER, UNSLID, VERSION, Surrogate, digest_of, load, read_header, save, weights_to_numpy
from twin.training.build import Trainable

jax.config.update("jax_enable_x64", True)

MODEL = pinnstripes2
C = MODEL.conditions.nominal
X = MODEL.abscissa(C, 9)
THETA = MODEL.space.draw(4, seed=2)


def untrained(network: MLP | Stack | None = None) -> Surrogate:
    chosen = network or MLP(MODEL.inputs, (3,), MODEL.outputs)
    weights = weights_to_numpy(chosen.init(torch.Generator().manual_seed(0)))
    errors = uncorrelated(
        np.array([0.0, 0.5, 1.0]), np.array([[0.0], [1e-3], [-1e-3]]), np.array([[0.0], [2e-3], [1e-3]]), 5
    )
    return Surrogate(MODEL, chosen, weights, "physics", errors, {"seed": 3, "seconds": 1.25, "held_out": [0.1, 0.2]})


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "a.safetensors"
    save(untrained(), path)
    return path


def rewritten(path: Path, change: dict[str, object]) -> Path:
    """The same file with other entries in its header, as somebody who edits it would leave it."""
    with safetensors.safe_open(path, framework="np") as file:
        header = json.loads(file.metadata()[HEADER])
    content = safetensors.numpy.save(
        safetensors.numpy.load_file(path), {HEADER: json.dumps(header | change, sort_keys=True)}
    )
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "network",
    [MLP(3, (3,), MODEL.outputs), Stack(MLP(3, (3,), MODEL.outputs), MLP(3, (2,), MODEL.outputs), 0.01)],
    ids=lambda n: type(n).__name__,
)
def test_save_load_save_gives_identical_bytes_and_answers(network: MLP | Stack, tmp_path: Path) -> None:
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    surrogate = untrained(network)
    save(surrogate, first)
    loaded = load(first, MODEL)
    save(loaded, second)
    assert first.read_bytes() == second.read_bytes()
    np.testing.assert_array_equal(loaded(THETA, C, X), surrogate(THETA, C, X))
    assert (loaded.mode, loaded.record, loaded.network) == (surrogate.mode, surrogate.record, surrogate.network)


def test_the_error_model_travels_with_the_file_and_is_interpolated_over_the_experiment(written: Path) -> None:
    loaded = load(written, MODEL)
    end = MODEL.abscissa(C, 2)[-1, 0]
    found = loaded.error(C, end * np.array([[0.0], [0.25], [1.0]]))
    np.testing.assert_allclose(found.mean(THETA)[:, :, 0], np.tile([0.0, 5e-4, -1e-3], (4, 1)), atol=1e-15)
    np.testing.assert_allclose(found.sd(THETA)[:, :, 0], np.tile([0.0, 1e-3, 1e-3], (4, 1)), atol=1e-15)
    with pytest.raises(ValueError, match="error was never measured"):
        replace(loaded, errors=None).error(C, X)


def sliding() -> Surrogate:
    """One whose error has a pattern and slides."""
    errors = ErrorModel(
        np.array([0.0, 1.0]), np.zeros((2, 1)), np.full((2, 1), 1e-3), np.ones((2, 1, 1)), np.zeros(5), np.ones(5),
        np.array([[0.0, 1e-3]]), np.log([[1e-3, 2e-3, 1.0]]),
    )  # fmt: skip
    return replace(untrained(), errors=errors)


def test_an_error_that_slides_travels_with_the_file_and_older_programs_are_told(tmp_path: Path) -> None:
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save(sliding(), first)
    save(load(first, MODEL), second)
    assert first.read_bytes() == second.read_bytes()
    assert read_header(first)["version"] == VERSION
    found, slide = load(first, MODEL).error(C, X), sliding().slide(THETA, C, X)
    assert found.slides
    np.testing.assert_allclose(found.mean(THETA, slide), 1e-3 * slide)
    np.testing.assert_allclose(found.factor(THETA, slide)[..., -1], 2e-3 * slide)


def test_files_whose_errors_do_not_slide_are_as_they_were(written: Path) -> None:
    assert read_header(written)["version"] == UNSLID == 2
    assert not load(written, MODEL).error(C, X).slides
    assert set(vars(uncorrelated(np.zeros(1), np.zeros((1, 1)), np.zeros((1, 1)), 1))) == {
        "fraction", "bias", "rest", "modes", "centre", "width", "mean", "log_scale",
    }  # fmt: skip


def test_the_slide_is_that_of_the_predicted_curve() -> None:
    surrogate, x = untrained(), np.linspace(100.0, 800.0, 60)[:, None]
    change = surrogate(THETA, C, 1.001 * x) - surrogate(THETA, C, 0.999 * x)
    slide = surrogate.slide(THETA, C, x)
    np.testing.assert_allclose(slide, change / 0.002, atol=0.05 * np.abs(slide).max())
    np.testing.assert_allclose(surrogate.slide(THETA[1:2], C, x[::-1]), slide[1:2, ::-1], rtol=1e-9)


def content() -> bytes:
    """The file of ``untrained()``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.safetensors"
        save(untrained(), path)
        return path.read_bytes()


@pytest.mark.parametrize("position", range(0, len(content()), 50))
def test_a_flipped_byte_is_refused(written: Path, position: int) -> None:
    changed = bytearray(written.read_bytes())
    changed[position] ^= 0xFF
    written.write_bytes(changed)
    with pytest.raises(ValueError, match=r"a\.safetensors: "):
        load(written, MODEL)


def test_no_letter_that_becomes_another_passes_or_escapes_as_another_error(written: Path) -> None:
    whole = written.read_bytes()
    for position in range(8, len(whole), 2):
        changed = bytearray(whole)
        changed[position] ^= 0x0F  # so that "F64" becomes "I64"
        written.write_bytes(changed)
        with pytest.raises(ValueError, match=r"a\.safetensors: "):
            load(written, MODEL)


def test_a_truncated_file_is_refused(written: Path) -> None:
    whole = written.read_bytes()
    for size in (0, 7, 100, len(whole) - 1):
        written.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="not a surrogate file"):
            load(written, MODEL)


def test_a_newer_version_is_refused_before_anything_else_is_read(written: Path) -> None:
    rewritten(written, {"version": VERSION + 1, "network": {"kind": "not yet invented"}})
    with pytest.raises(ValueError, match=f"format version {VERSION + 1} is newer than this program reads"):
        load(written, MODEL)


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.target,)


def test_a_pickle_is_refused_and_never_executed(tmp_path: Path) -> None:
    proof, path = tmp_path / "executed", tmp_path / "a.safetensors"
    path.write_bytes(pickle.dumps(Trap(proof)))
    with pytest.raises(ValueError, match="pickles are never read"):
        load(path, MODEL)
    torch.save({"w0": torch.ones(2)}, path)
    with pytest.raises(ValueError, match="pickles are never read"):
        load(path, MODEL)
    assert not proof.exists()
    pickle.loads(pickle.dumps(Trap(proof)))
    assert proof.exists(), "the trap works when it is sprung"


def test_a_missing_file_and_a_foreign_safetensors_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        read_header(tmp_path / "none.safetensors")
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(safetensors.numpy.save({"w": np.ones(2)}))
    with pytest.raises(ValueError, match="not a surrogate of twincal"):
        read_header(foreign)


def test_a_file_of_another_model_is_refused_with_both_names(written: Path) -> None:
    with pytest.raises(ValueError, match="trained for battery_spm/pinnstripes2, expected battery_spm/other"):
        load(written, replace(MODEL, preset="other"))


CHANGED: dict[str, Trainable] = {
    "bounds": replace(MODEL, space=MODEL.space.within({"ds_c": (1.0, 9.0)})),
    "conditions": replace(MODEL, conditions=MODEL.conditions.within({"c_rate": (0.5, 3.0)})),
    "unit": replace(MODEL, observables=(replace(MODEL.observables[0], unit="mV"),)),
}


def other_physics() -> Trainable:
    """The same names and bounds with another constant of the cell."""
    positive = replace(MODEL.cell.positive, particle_radius=1.001 * MODEL.cell.positive.particle_radius)
    return replace(MODEL, cell=replace(MODEL.cell, positive=positive))


@pytest.mark.parametrize("changed", [*CHANGED.values(), other_physics()], ids=[*CHANGED.keys(), "constant"])
def test_a_file_for_another_definition_is_refused_with_the_command_that_mends_it(
    written: Path, changed: Trainable
) -> None:
    with pytest.raises(ValueError, match=r"another definition of .*twin train battery_spm --preset pinnstripes2"):
        load(written, changed)


def test_the_digest_leaves_out_what_no_answer_depends_on() -> None:
    described = replace(MODEL, source="another source")
    assert digest_of(described) == digest_of(MODEL)


def test_numpy_torch_and_jax_give_one_answer(written: Path) -> None:
    surrogate = load(written, MODEL)
    theta = THETA.reshape(2, 2, 2)
    ours = surrogate(theta, C, X)
    assert ours.shape == (2, 2, len(X), 1)
    by_torch = surrogate(torch.tensor(theta), C, X).numpy()
    by_jax = np.asarray(jax.jit(lambda t: surrogate(t, C, X))(jnp.asarray(theta)))
    np.testing.assert_allclose(by_torch, ours, rtol=1e-12)
    np.testing.assert_allclose(by_jax, ours, rtol=1e-12)


def test_torch_and_jax_gradients_equal_finite_differences(written: Path) -> None:
    surrogate = load(written, MODEL)
    by_torch = torch.autograd.functional.jacobian(lambda t: surrogate(t, C, X)[..., 0], torch.tensor(THETA[0])).numpy()
    by_jax = np.asarray(jax.jit(jax.jacfwd(lambda t: surrogate(t, C, X)[..., 0]))(jnp.asarray(THETA[0])))
    np.testing.assert_allclose(by_jax, by_torch, rtol=1e-9, atol=1e-13)
    for i in range(2):
        shift = 1e-4 * np.eye(2)[i]
        difference = (surrogate(THETA[0] + shift, C, X) - surrogate(THETA[0] - shift, C, X))[:, 0] / 2e-4
        np.testing.assert_allclose(by_torch[:, i], difference, atol=1e-5 * np.abs(difference).max())


def test_times_beyond_the_trained_stretch_are_refused(written: Path) -> None:
    surrogate = load(written, MODEL)
    with pytest.raises(ValueError, match=r"the data run to .* s, the surrogate at this C-rate only to"):
        surrogate(THETA, C, 1.01 * X)


def test_parameters_outside_the_trained_box_are_refused_with_the_box(written: Path) -> None:
    surrogate = load(written, MODEL)
    outside = THETA.copy()
    outside[2, MODEL.space.index("ds_c")] = 11.0
    with pytest.raises(ValueError, match=r"outside the box .*it holds for ds_c in \[1, 10\] 1$"):
        surrogate(outside, C, X)


def test_an_interrupted_write_leaves_the_old_file(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = written.read_bytes()

    def refuse(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(KeyboardInterrupt):
        save(replace(untrained(), mode="data"), written)
    assert written.read_bytes() == before
    assert list(written.parent.iterdir()) == [written]
