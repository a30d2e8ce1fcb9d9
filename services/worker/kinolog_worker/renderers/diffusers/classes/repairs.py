"""What pipelines of some classes need after loading, or their calls fail or draw something else."""

from __future__ import annotations

from typing import Any


def repair(pipe: Any) -> None:
    """Mend a loaded pipeline whose class needs it; others are left as they are."""
    _follow_picture_size(pipe)
    _state_first_frames(pipe)
    _name_text_model(pipe)


def _follow_picture_size(pipe: Any) -> None:
    """Let HunyuanVideo 1.5 draw the size of its picture, where it would choose one of its own list."""
    processor: Any = getattr(pipe, "video_processor", None)
    if hasattr(processor, "calculate_default_height_width"):
        processor.calculate_default_height_width = lambda height, width, target_size: (height, width)


def _state_first_frames(pipe: Any) -> None:
    """Tell EasyAnimate that the first frame of a clip is a latent frame of its own, if the folder does not."""
    vae: Any = getattr(pipe, "vae", None)
    if type(vae).__name__ == "AutoencoderKLMagvit" and "cache_mag_vae" not in vae.config:
        vae.register_to_config(cache_mag_vae=True)


def _name_text_model(pipe: Any) -> None:
    """Give the text encoder of CLIP the name of its inner part, which is itself since transformers 5.

    I2VGen-XL looks for it. An entry of the object and not of the module: a module is no part of itself.
    """
    encoder: Any = getattr(pipe, "text_encoder", None)
    if type(encoder).__name__ == "CLIPTextModel" and not hasattr(encoder, "text_model"):
        encoder.__dict__["text_model"] = encoder
