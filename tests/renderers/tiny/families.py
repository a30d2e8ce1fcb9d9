"""`TINY_FAMILIES`: what writes the folder of a tiny pipeline, by the name of its family."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

from tests.renderers.tiny import (
    cogvideox,
    cosmos,
    hunyuan,
    ltx,
    modular,
    picture_families,
    single_families,
    wan,
)

_transformers: Any = transformers  # untyped in part

_FROM_INPUTS: tuple[Callable[[], Any], ...] = (
    wan.wan_i2v,
    wan.wan21_flf2v,
    wan.wan22_5b_i2v,
    wan.wan_v2v,
    wan.wan_animate,
    wan.lucy_edit,
    wan.skyreels_v2_i2v,
    wan.skyreels_v2_df_i2v,
    wan.skyreels_v2_df_v2v,
    ltx.ltx_i2v,
    ltx.ltx2_i2v,
    cogvideox.cogvideox_i2v,
    cogvideox.cogvideox_v2v,
    cogvideox.cogvideox_fun_control,
    hunyuan.hunyuan_framepack,
    hunyuan.hunyuan_i2v,
    hunyuan.hunyuan_i2v_33,
    hunyuan.skyreels_v1_i2v,
    hunyuan.hunyuan15_i2v,
    hunyuan.kandinsky5_i2v,
    cosmos.cosmos1_v2w,
    cosmos.cosmos2_v2w,
    cosmos.cosmos25_transfer,
    picture_families.video_to_video_sd,
    picture_families.i2vgen_xl,
    picture_families.stable_video_diffusion,
    picture_families.animatediff_v2v,
    picture_families.animatediff_controlnet,
    picture_families.animatediff_v2v_controlnet,
    picture_families.pia,
    picture_families.animatediff_sparse,
    single_families.sana_i2v,
    single_families.easyanimate_inpaint,
    single_families.motif_i2v,
    modular.wan_animate2,
)
"""Those that cannot draw from a text alone."""

_PIPELINES: dict[str, Callable[[], Any]] = {
    build.__name__: build
    for build in (
        *_FROM_INPUTS,
        wan.wan21,
        wan.wan22,
        wan.wan22_5b,
        wan.wan_vace,
        wan.skyreels_v2,
        wan.skyreels_v2_df,
        wan.anyflow,
        wan.anyflow_far,
        wan.helios,
        wan.helios_pyramid,
        ltx.ltx,
        ltx.ltx_097,
        ltx.ltx2,
        ltx.ltx2_condition,
        ltx.ltx2_in_context,
        cogvideox.cogvideox_2b,
        cogvideox.cogvideox_5b,
        cogvideox.cogvideox_15,
        hunyuan.hunyuan,
        hunyuan.hunyuan15,
        hunyuan.kandinsky5,
        hunyuan.kandinsky6,
        cosmos.cosmos1,
        cosmos.cosmos25,
        cosmos.cosmos3,
        picture_families.animatediff,
        picture_families.animatediff_pag,
        picture_families.animatediff_sdxl,
        picture_families.text_to_video_sd,
        picture_families.latte,
        single_families.mochi,
        single_families.sana_video,
        single_families.allegro,
        single_families.easyanimate,
        single_families.motif,
        modular.wan21_modular,
        modular.wan22_modular,
        modular.wan22_vace,
        modular.wan21_i2v_modular,
        modular.wan22_i2v_modular,
        modular.wan_animate2_distilled,
        modular.helios_modular,
        modular.helios_pyramid_modular,
        modular.helios_distilled,
        modular.ltx_modular,
        modular.ltx2_modular,
        modular.ltx25,
        modular.hunyuan15_modular,
        modular.minimax_h3,
        modular.echo,
        modular.cosmos3_modular,
        modular.cosmos3_distilled,
    )
}


def _writer(build: Callable[[], Any]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        _transformers.utils.logging.disable_progress_bar()
        with torch.random.fork_rng(devices=[]):
            build().save_pretrained(folder, safe_serialization=True)

    return write


TINY_FAMILIES: dict[str, Callable[[Path], None]] = {
    name: _writer(build) for name, build in _PIPELINES.items()
}
"""Each writes the folder of a diffusers pipeline of about 1 MB on the CPU. The same libraries write the same bytes."""

PICTURE_FAMILIES = frozenset(build.__name__ for build in _FROM_INPUTS)
"""The families that cannot draw from a text alone: they start from a picture or a video."""

TWIN_FAMILIES = frozenset(
    {
        "wan21_modular",
        "wan22_modular",
        "wan22_vace",
        "wan21_i2v_modular",
        "wan22_i2v_modular",
        "wan_animate2_distilled",
        "helios_modular",
        "helios_pyramid_modular",
        "helios_distilled",
        "ltx_modular",
        "ltx2_modular",
        "cosmos3_modular",
        "hunyuan15_modular",
    }
)
"""The modular families with the networks of an ordinary one, which `tests/contract/test_modular_twins.py` tests."""

COMPILED_FAMILIES = frozenset({"wan_animate2", "wan_animate2_distilled"})
"""The families that compile a part of their network as they draw."""

GUARDED_FAMILIES = frozenset(
    {
        "cosmos1",
        "cosmos1_v2w",
        "cosmos2_v2w",
        "cosmos25",
        "cosmos25_transfer",
        "cosmos3",
        "cosmos3_modular",
        "cosmos3_distilled",
    }
)
"""The families that load with the package `cosmos_guardrail` only. `tests/renderers/guardrail` has a stand-in."""
