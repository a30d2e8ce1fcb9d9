"""The pictures and videos of a scene as arguments of a pipeline's call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kinolog.models.families import Family
from kinolog.models.input_roles import InputRole
from kinolog_worker.renderers.scene_inputs import InputPictures


def input_arguments(family: Family, pictures: InputPictures) -> dict[str, Any]:
    """Return the arguments: a list of frames for a video and where there may be several pictures, else the picture."""
    arguments: dict[str, Any] = {}
    for role, given in pictures.items():
        taken = family.inputs[role]
        is_list = role is InputRole.VIDEO or taken.most > 1
        arguments[taken.parameter] = given if is_list else given[0]
    return arguments


def of_pipeline(pipe: Any, family: Family) -> Family:
    """Return the family with the inputs that this pipeline takes: not every model of Wan takes a last picture."""
    last = family.inputs.get(InputRole.LAST_FRAME)
    if last is None or not hasattr(pipe, "image_encoder"):
        return family
    network = getattr(pipe, "transformer", None)
    stated = getattr(network, "config", {})
    others = dict(family.inputs)
    del others[InputRole.LAST_FRAME]
    if getattr(pipe, "config", {}).get("expand_timesteps"):
        return replace(family, inputs=others)  # the call would ignore it
    if not stated.get("image_dim"):
        return family
    if stated.get("pos_embed_seq_len"):  # its embedding of pictures has room for two
        return replace(family, inputs=others | {InputRole.LAST_FRAME: replace(last, optional=False)})
    return replace(family, inputs=others)
