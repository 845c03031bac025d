"""The video encoder, the reader's law, and training on batches."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from twin.reading import CurveReader, Reading, negative_log_likelihood
from twin.training.first_order import Adam
from twin.training.minibatch import fit_module
from twin.video import VideoEncoder, masked_mean


@pytest.fixture(scope="module")
def encoder() -> VideoEncoder:
    torch.manual_seed(0)
    return VideoEncoder().eval()


def test_the_encoder_has_less_than_a_million_weights(encoder: VideoEncoder) -> None:
    assert sum(p.numel() for p in encoder.parameters()) < 1e6


def test_padding_changes_no_feature_whatever_it_holds(encoder: VideoEncoder) -> None:
    torch.manual_seed(1)
    clip, rubbish = torch.randn(2, 9, 56, 56), 100 * torch.randn(2, 5, 56, 56)
    mask = torch.cat([torch.ones(2, 9), torch.zeros(2, 5)], dim=1)
    frames, whole = encoder(clip, torch.ones(2, 9))
    padded_frames, padded = encoder(torch.cat([clip, rubbish], dim=1), mask)
    torch.testing.assert_close(padded_frames[:, :9], frames, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(padded, whole, rtol=1e-4, atol=1e-5)


def test_a_clip_played_backwards_by_mirrored_filters_has_mirrored_features(encoder: VideoEncoder) -> None:
    torch.manual_seed(2)
    clip, mask = torch.randn(1, 8, 56, 56), torch.ones(1, 8)
    mirrored = VideoEncoder().eval()
    state = {k: v.flip(-1) if k.endswith("time.weight") else v for k, v in encoder.state_dict().items()}
    mirrored.load_state_dict(state)
    there, back = encoder(clip, mask)[0], mirrored(clip.flip(1), mask)[0].flip(1)
    torch.testing.assert_close(there, back, rtol=1e-4, atol=1e-5)


def test_a_mean_over_no_frame_is_zero() -> None:
    assert masked_mean(torch.ones(1, 3, 2), torch.zeros(1, 3)).abs().max() == 0


def reading(frames: int = 3) -> Reading:
    rng = np.random.default_rng(0)
    mean, own = rng.normal(4.5, 0.2, (2, frames)), rng.uniform(0.02, 0.1, (2, frames))
    times = np.sort(rng.uniform(0, 1, (2, frames)), axis=1)
    return Reading(torch.as_tensor(mean), torch.tensor([0.05, 0.1], dtype=torch.float64), torch.as_tensor(own),
                   torch.as_tensor(times), 0.2)  # fmt: skip


def test_the_likelihood_of_labels_is_that_of_the_joint_normal_law_with_their_own_error() -> None:
    law = reading()
    labels = torch.as_tensor(np.exp(np.random.default_rng(1).normal(4.5, 0.2, (2, 3))))
    found = negative_log_likelihood(law, labels, 0.03)
    for i in range(2):
        t, s = law.times[i].numpy(), law.own[i].numpy()
        covariance = float(law.common[i]) ** 2 + np.outer(s, s) * np.exp(-np.abs(t[:, None] - t) / 0.2)
        exact = multivariate_normal(law.mean[i].numpy(), covariance + 0.03**2 * np.eye(3)).logpdf(
            np.log(labels[i].numpy())
        )
        assert float(found[i]) == pytest.approx(-exact)


def test_the_law_of_some_frames_is_the_part_of_the_whole_one() -> None:
    law, places = reading(4), torch.tensor([[2, 0], [1, 3]])
    part = law.at(places)
    for i, rows in enumerate(places.tolist()):
        torch.testing.assert_close(part.covariance[i], law.covariance[i][rows][:, rows])
        torch.testing.assert_close(part.mean[i], law.mean[i][rows])


def test_an_untrained_reader_starts_at_the_labels_mean_and_is_finite() -> None:
    torch.manual_seed(0)
    reader = CurveReader(VideoEncoder(channels=(4, 8), stem=4), centre=4.4, spread=0.3, memory=0.1)
    found = reader(torch.randn(2, 5, 32, 32), torch.ones(2, 5), torch.arange(5.0).expand(2, -1))
    assert (found.mean - 4.4).abs().max() < 0.5
    assert torch.linalg.eigvalsh(found.covariance.double()).min() > 0


def regression(k: int, module: torch.nn.Module) -> torch.Tensor:
    x = torch.randn(32, 3, generator=torch.Generator().manual_seed(k))
    square: torch.Tensor = ((module(x)[:, 0] - x @ torch.tensor([1.0, -2.0, 0.5])) ** 2).mean()
    return square


def test_training_on_batches_finds_the_least_squares_and_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path) -> None:
    stage = Adam(steps=300, rate=0.05)

    def fresh() -> torch.nn.Linear:
        torch.manual_seed(0)
        return torch.nn.Linear(3, 1)

    whole, halves, path = fresh(), fresh(), tmp_path / "checkpoint"
    assert fit_module(whole, lambda k: regression(k, whole), stage, what="test").finished
    torch.testing.assert_close(whole.weight[0], torch.tensor([1.0, -2.0, 0.5]), rtol=0, atol=1e-2)

    def stops_at_100(k: int) -> torch.Tensor:
        if k == 100:
            raise KeyboardInterrupt
        return regression(k, halves)

    first = fit_module(halves, lambda k: regression(k, halves), stage, what="test", checkpoint=path, time_budget=0.0)
    assert (first.steps, first.ended) == (1, "time budget")
    with pytest.raises(KeyboardInterrupt):
        fit_module(halves, stops_at_100, stage, what="test", checkpoint=path, checkpoint_seconds=0.0)
    resumed = fresh()
    again = fit_module(resumed, lambda k: regression(k, resumed), stage, what="test", checkpoint=path)
    assert (again.steps, again.ended) == (300, "steps")
    torch.testing.assert_close(resumed.weight, whole.weight, rtol=0, atol=1e-7)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    module = torch.nn.Linear(3, 1)
    fit_module(module, lambda k: regression(k, module), Adam(steps=2), what="one", checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="checkpoint of another run"):
        fit_module(module, lambda k: regression(k, module), Adam(steps=2), what="two", checkpoint=tmp_path / "c")
