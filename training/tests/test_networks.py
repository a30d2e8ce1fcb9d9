"""The networks that are trained are the networks that ship: same numbers through the real classes."""

from pathlib import Path

import pytest
import torch

from kinolog_training.captions.caption_bank import make_caption_bank
from kinolog_training.networks.decoder import FlatDecoder, build_vae, install
from kinolog_training.networks.denoiser import (
    build_denoiser,
    noisy,
    predict,
    prepare_for_training,
    widened_to_grids,
)
from kinolog_training.networks.text_encoder import LENGTH, build_encoder, build_tokenizer, encode
from kinolog_training.scenes.latents import gathered, offsets, spread
from kinolog_training.scenes.scenes import draw_scene
from kinolog_training.stages.decoder import train_decoder
from kinolog_training.stages.denoiser import train_denoiser
from kinolog_training.stages.export import export
from kinolog_training.stages.run import TrainingRun
from kinolog_training.stages.text import train_text


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Use one thread, which is fastest on a busy machine."""
    torch.set_num_threads(1)
    torch.manual_seed(0)


def perturb(network: torch.nn.Module) -> None:
    """Change every weight, so that no comparison passes because of initial zeros."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))


def test_the_flat_decoder_and_the_wan_vae_decode_alike() -> None:
    """A clip decoded by AutoencoderKLWan equals its latent frames decoded one by one."""
    flat, vae = FlatDecoder(), build_vae()
    perturb(flat)
    install(flat, vae)
    latents = torch.randn(1, 48, 3, 8, 8)
    with torch.no_grad():
        clip = vae.decode(latents).sample[0].transpose(0, 1)
        pairs, first = flat(latents[0, :, 1:].transpose(0, 1), latents[0, :, :1].transpose(0, 1))
    expected = torch.cat([first, pairs.flatten(0, 1)]).clamp(-1, 1)
    assert clip.shape == (5, 3, 64, 64)
    torch.testing.assert_close(clip, expected, atol=1e-4, rtol=0)


def test_the_shipped_transformer_computes_on_grids_what_the_trained_one_does_on_states() -> None:
    """Gathering and spreading are part of the widened transformer's first and last layers."""
    trained = build_denoiser()
    perturb(trained)
    grid, hidden = torch.randn(1, 48, 9, 8, 8), torch.randn(1, LENGTH, 64)
    with torch.no_grad():
        wide = widened_to_grids(trained)(grid, torch.tensor([500.0]), hidden, return_dict=False)[0]
        expected = spread(predict(trained, grid.mean((3, 4)), torch.tensor([0.5]), hidden))
    torch.testing.assert_close(wide, expected, atol=1e-4, rtol=1e-4)


def test_sharing_a_caption_changes_only_the_cost() -> None:
    """Clips that share a text give the same result as with a repeated text."""
    network = build_denoiser()
    perturb(network)
    states, times, hidden = torch.randn(6, 48, 5), torch.rand(6), torch.randn(2, LENGTH, 64)
    with torch.no_grad():
        expected = predict(network, states, times, hidden.repeat_interleave(3, 0))
        prepare_for_training(network)
        torch.testing.assert_close(predict(network, states, times, hidden), expected, atol=1e-5, rtol=1e-5)


def test_spreading_keeps_the_mean_and_noise_is_weaker_by_the_grid() -> None:
    """The mean over cells is the state, and training noise is that of the mean of 64 cells."""
    packed = make_caption_bank(8, 0).packed
    states = gathered(draw_scene(packed, 17, torch.Generator().manual_seed(0)))
    assert states.shape == (8, 48, 9)
    torch.testing.assert_close(spread(states).mean((3, 4)), states, atol=1e-5, rtol=0)
    assert offsets().abs().max() > 1
    pure = noisy(torch.zeros(64, 48, 9), torch.ones(64), torch.Generator().manual_seed(0))
    assert abs(float(pure.std()) - 1 / 8) < 0.01


def test_the_tokenizer_survives_saving(tmp_path: Path) -> None:
    """Prefix tokens, lower case and punctuation are the same after a save and a load."""
    from transformers import AutoTokenizer

    tokenizer = build_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    prompt = "A Big CRIMSON ball, rolling ｒight; zebra!"
    again = AutoTokenizer.from_pretrained(tmp_path)(prompt)["input_ids"]
    assert again == tokenizer(prompt)["input_ids"]
    assert again[5:9] == tokenizer.convert_tokens_to_ids(["a", "big", "crimson", "ball"])


def test_padding_does_not_change_the_words() -> None:
    """Hidden states of the words are the same with more padding, and padding is zero."""
    encoder, ids = build_encoder().train(False), make_caption_bank(4, 0).ids
    longer = torch.cat([ids, torch.zeros(4, 8, dtype=ids.dtype)], 1)
    with torch.no_grad():
        short, long = encode(encoder, ids), encode(encoder, longer)
    torch.testing.assert_close(long[:, : ids.shape[1]], short, atol=1e-5, rtol=1e-5)
    assert long[:, ids.shape[1] :].abs().max() == 0


def test_every_stage_trains_resumes_and_ships(tmp_path: Path) -> None:
    """Each stage trains a few samples, twice, and WanPipeline loads and runs the exported folder."""
    from kinolog_training.evaluation.evaluate import generate, load

    bank = make_caption_bank(64, 0)
    for _ in range(2):
        train_text(TrainingRun(tmp_path, "text", samples=16), bank, 8, 0)
        train_decoder(TrainingRun(tmp_path, "decoder", samples=8), 4, 0)
        train_denoiser(TrainingRun(tmp_path, "denoiser", samples=16), bank, 8, 0)
    checkpoint = torch.load(tmp_path / "denoiser.pt", weights_only=True)
    assert checkpoint["steps"] >= 2
    export(tmp_path, tmp_path / "model")
    clips = generate(load(tmp_path / "model"), ["a red star", "a blue ring"], 0, 17, 2, 2.0)
    assert clips.shape == (2, 17, 64, 64, 3)
