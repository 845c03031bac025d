import json
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors
import safetensors.numpy
import torch

from twin.model import ErrorModel
from twin.models.battery.nrel import pinnstripes2
from twin.networks import MLP, Stack
from twin.surrogate import HEADER, VERSION, Surrogate, digest_of, load, read_header, save, weights_to_numpy
from twin.training.build import Trainable

jax.config.update("jax_enable_x64", True)

MODEL = pinnstripes2
C = MODEL.conditions.nominal
X = MODEL.abscissa(C, 9)
THETA = MODEL.space.draw(4, seed=2)


def untrained(network: MLP | Stack | None = None) -> Surrogate:
    chosen = network or MLP(MODEL.inputs, (3,), MODEL.outputs)
    weights = weights_to_numpy(chosen.init(torch.Generator().manual_seed(0)))
    errors = ErrorModel(np.array([0.0, 0.5, 1.0]), np.array([[0.0], [1e-3], [-1e-3]]), np.array([[0.0], [2e-3], [1e-3]]))
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
    content = safetensors.numpy.save(safetensors.numpy.load_file(path), {HEADER: json.dumps(header | change)})
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
    assert found is not None
    np.testing.assert_allclose(found[0][:, 0], [0.0, 5e-4, -1e-3], atol=1e-15)
    np.testing.assert_allclose(found[1][:, 0], [0.0, 1e-3, 1e-3], atol=1e-15)
    assert replace(loaded, errors=None).error(C, X) is None


def flips(size: int) -> Iterator[tuple[int, int]]:
    """Every position with one flip that stays a letter or digit and two that do not."""
    for position in range(size):
        yield from ((position, mask) for mask in (0x01, 0x0F, 0x80))


SIZE = 3216
"""Bytes of the file below, so that its positions can be listed before it exists."""


@pytest.mark.parametrize("position", range(0, SIZE, 50))
def test_a_flipped_byte_is_refused(written: Path, position: int) -> None:
    content = bytearray(written.read_bytes())
    content[position] ^= 0xFF
    written.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.safetensors: "):
        load(written, MODEL)


def test_the_listed_positions_reach_the_end_of_the_file(written: Path) -> None:
    assert SIZE - 50 < written.stat().st_size <= SIZE


def test_no_small_change_of_any_byte_passes_or_escapes_as_another_error(written: Path) -> None:
    whole = written.read_bytes()
    for position, mask in flips(len(whole)):
        content = bytearray(whole)
        content[position] ^= mask
        written.write_bytes(content)
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


def changed_definitions() -> Iterator[Trainable]:
    yield replace(MODEL, space=MODEL.space.within({"ds_c": (1.0, 9.0)}))
    yield replace(MODEL, conditions=MODEL.conditions.within({"c_rate": (0.5, 3.0)}))
    yield replace(MODEL, observables=(replace(MODEL.observables[0], unit="mV"),))


@pytest.mark.parametrize("changed", changed_definitions())
def test_a_file_for_another_definition_is_refused_with_the_command_that_mends_it(
    written: Path, changed: Trainable
) -> None:
    with pytest.raises(ValueError, match="another definition of .* twin train battery_spm --preset pinnstripes2"):
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
    for i in range(2):
        shift = 1e-5 * np.eye(2)[i]
        difference = (surrogate(THETA + shift, C, X) - surrogate(THETA - shift, C, X)) / 2e-5
        tangent = torch.tensor(np.broadcast_to(np.eye(2)[i], THETA.shape).copy())
        leaf = torch.tensor(THETA, requires_grad=True)
        (by_torch,) = torch.autograd.grad((surrogate(leaf, C, X)[:, -1, 0]).sum(), leaf)
        _, by_jax = jax.jvp(lambda t: surrogate(t, C, X), (jnp.asarray(THETA),), (jnp.asarray(tangent.numpy()),))
        scale = np.abs(difference).max()
        np.testing.assert_allclose(by_jax, difference, atol=1e-6 * scale)
        np.testing.assert_allclose(by_torch[:, i].numpy(), difference[:, -1, 0], atol=1e-6 * scale)


def test_times_beyond_the_trained_stretch_are_refused(written: Path) -> None:
    surrogate = load(written, MODEL)
    with pytest.raises(ValueError, match=r"the data run to .* s, the surrogate at this C-rate only to"):
        surrogate(THETA, C, 1.01 * X)


def test_an_interrupted_write_leaves_the_old_file(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = written.read_bytes()

    def refuse(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(KeyboardInterrupt):
        save(replace(untrained(), mode="data"), written)
    assert written.read_bytes() == before
    assert list(written.parent.iterdir()) == [written]
