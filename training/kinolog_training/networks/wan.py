"""The Wan classes of diffusers, which ships without types: named as Any in this one place."""

from typing import Any

import diffusers

AutoencoderKLWan: Any = diffusers.AutoencoderKLWan
UniPCMultistepScheduler: Any = diffusers.UniPCMultistepScheduler
WanPipeline: Any = diffusers.WanPipeline
WanTransformer3DModel: Any = diffusers.WanTransformer3DModel
