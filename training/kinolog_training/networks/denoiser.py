"""The denoiser: a WanTransformer3DModel of one token for each latent frame.

It is trained on gathered states (48 numbers a token) and exported with the gathering and the spreading written into its
patch embedding and output projection, so that the shipped transformer takes and returns 48x8x8 grids with patches of
(1, 8, 8). It predicts the clean latents; the scheduler has `prediction_type: sample`.
"""

from typing import Any

import torch
from torch import Tensor

from kinolog_training.networks.text_encoder import TEXT_DIM
from kinolog_training.networks.wan import UniPCMultistepScheduler, WanTransformer3DModel
from kinolog_training.scenes.latents import CHANNELS, GRID, NOISE_GAIN, offsets

HEADS, HEAD_DIM, LAYERS, FFN = 4, 32, 6, 512
FLOW_SHIFT = 8.0


def build_denoiser(patch: int = 1) -> Any:
    """Return a network. `patch` is 1 for training on gathered states and GRID for the shipped model."""
    return WanTransformer3DModel(
        patch_size=(1, patch, patch),
        num_attention_heads=HEADS,
        attention_head_dim=HEAD_DIM,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        text_dim=TEXT_DIM,
        freq_dim=64,
        ffn_dim=FFN,
        num_layers=LAYERS,
        cross_attn_norm=True,
        rope_max_seq_len=64,
    )


def build_scheduler() -> Any:
    """Return UniPC along the flow, with the time shift that the denoiser was trained for."""
    return UniPCMultistepScheduler(
        prediction_type="sample", use_flow_sigmas=True, flow_shift=FLOW_SHIFT, num_train_timesteps=1000
    )


def draw_times(count: int, generator: torch.Generator, device: str) -> Tensor:
    """Return flow times in (0, 1], distributed like the scheduler's steps, with some at pure noise."""
    u = torch.rand(count, generator=generator, device=device)
    u = torch.where(torch.rand(count, generator=generator, device=device) < 0.05, 1.0, u).clamp_min(1e-3)
    return FLOW_SHIFT * u / (1 + (FLOW_SHIFT - 1) * u)


def noisy(states: Tensor, times: Tensor, generator: torch.Generator) -> Tensor:
    """Return gathered states [batch, 48, frames] at flow time t: the mean over the grid of (1 - t) x + t noise."""
    t = times.view(-1, 1, 1)
    noise = torch.randn(states.shape, generator=generator, device=states.device)
    return (1 - t) * states + t * NOISE_GAIN * noise


def time_weights(times: Tensor) -> Tensor:
    """Return the weight of a squared error at each time: about the inverse of the unknown part, at most 60."""
    sigma = times * NOISE_GAIN / (1 - times).clamp_min(1e-4)
    return (1 + 1 / sigma.square()).clamp_max(60.0)


class TrainingAttention:
    """Attention for training: the same function as the usual processor, at lower cost.

    Several clips in a row may share a caption, whose keys and values are then computed once: the text has
    [captions, tokens, width] and the clips [captions * clips, frames, width]. The attention itself stays in float32
    under autocast, because its bfloat16 backward pass is slow on a CPU.
    """

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: None = None,
        rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        text = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query = attn.norm_q(attn.to_q(hidden_states).float())
        key = attn.norm_k(attn.to_k(text).float())
        value = attn.to_v(text).float()
        query, key, value = (part.unflatten(2, (attn.heads, -1)) for part in (query, key, value))
        if rotary_emb is not None:
            query, key = rotary_embedded(query, *rotary_emb), rotary_embedded(key, *rotary_emb)
        query = query.reshape(len(text), -1, *query.shape[2:])
        heads = [part.transpose(1, 2) for part in (query, key, value)]
        with torch.autocast(hidden_states.device.type, enabled=False):
            mixed = torch.nn.functional.scaled_dot_product_attention(*heads)
        output: Tensor = attn.to_out[0](mixed.transpose(1, 2).reshape(hidden_states.shape))
        return output


def rotary_embedded(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Return x [batch, positions, heads, channels] with its channel pairs rotated by their position's angles."""
    even, odd = x.reshape(*x.shape[:-1], -1, 2).unbind(-1)
    c, s = cos[..., 0::2], sin[..., 1::2]
    return torch.stack([even * c - odd * s, even * s + odd * c], -1).flatten(-2).type_as(x)


def prepare_for_training(network: Any) -> None:
    """Let the network take fewer texts than clips (see TrainingAttention); its weights stay the same."""
    for block in network.blocks:
        block.attn1.set_processor(TrainingAttention())
        block.attn2.set_processor(TrainingAttention())


def predict(network: Any, states: Tensor, times: Tensor, hidden: Tensor) -> Tensor:
    """Return clean states from noisy ones, both [batch, 48, frames]."""
    output: Tensor = network(states[..., None, None], times * 1000, hidden, return_dict=False)[0]
    return output[..., 0, 0]


@torch.no_grad()
def widened_to_grids(trained: Any) -> Any:
    """Return the shipped transformer: the same function on grids."""
    wide = build_denoiser(GRID)
    state = trained.state_dict()
    cells = GRID * GRID
    embed = state["patch_embedding.weight"]
    state["patch_embedding.weight"] = (embed / cells).expand(-1, -1, 1, GRID, GRID).clone()
    # Unpatchify reads proj_out's rows as (cell row, cell column, channel).
    state["proj_out.weight"] = state["proj_out.weight"].repeat(cells, 1)
    shift = offsets().permute(1, 2, 0).reshape(cells, CHANNELS)
    state["proj_out.bias"] = (state["proj_out.bias"].cpu() + shift).reshape(-1)
    wide.load_state_dict(state)
    return wide
