"""Captions: random attributes and sentences about them, with wordings and combinations held out of training.

An unspecified attribute is -1: the caption does not mention it, and the scene chooses it at random.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from kinolog_training.captions import vocabulary as words

UNSPECIFIED = -1
HELD_OUT_CLASS = 3
STILL = words.MOTIONS.index("still")
SPINNING = words.MOTIONS.index("spinning")
ROUND = frozenset(words.SHAPE_NAMES.index(name) for name in words.ROUND_SHAPES)


@dataclass(frozen=True)
class ObjectSpec:
    """One object of a caption. Every field is an index into `vocabulary` or UNSPECIFIED."""

    shape: int
    colour: int
    size: int = UNSPECIFIED
    motion: int = UNSPECIFIED
    speed: int = UNSPECIFIED


@dataclass(frozen=True)
class ClipSpec:
    """The content of a caption: one or two objects and a background colour (an index or UNSPECIFIED)."""

    objects: tuple[ObjectSpec, ...]
    ground: int = UNSPECIFIED
    twins: bool = field(default=False)  # worded as "two red circles"


def combination_class(shape: Any, colour: Any, motion: Any) -> Any:
    """Return the class of combinations, 0 to 11, of numbers or tensors. About one in twelve has `HELD_OUT_CLASS`."""
    return (5 * shape + 7 * colour + 11 * motion) % 12


def held_out(item: ObjectSpec) -> bool:
    """Return True if the combination of shape, colour and motion is held out of training."""
    if UNSPECIFIED in (item.shape, item.colour, item.motion):
        return False
    return bool(combination_class(item.shape, item.colour, item.motion) == HELD_OUT_CLASS)


def _pick(rng: random.Random, count: int, mention_rate: float) -> int:
    return rng.randrange(count) if rng.random() < mention_rate else UNSPECIFIED


def _random_object(rng: random.Random, mention_rate: float) -> ObjectSpec:
    """Return a random object. `mention_rate` scales how often optional attributes are mentioned."""
    while True:
        motion = _pick(rng, len(words.MOTIONS), 0.93)
        speed = (
            _pick(rng, len(words.SPEED_NAMES), 0.3 * mention_rate)
            if motion not in (UNSPECIFIED, STILL)
            else UNSPECIFIED
        )
        item = ObjectSpec(
            shape=_pick(rng, len(words.SHAPE_NAMES), 0.99),
            colour=_pick(rng, len(words.COLOUR_NAMES), 0.97),
            size=_pick(rng, len(words.SIZE_NAMES), 0.4 * mention_rate),
            motion=motion,
            speed=speed,
        )
        if not (item.motion == SPINNING and item.shape in ROUND):
            return item


def draw_spec(rng: random.Random, *, held: bool, doubles: float = 0.3, mention_rate: float = 1.0) -> ClipSpec:
    """Return a random spec: only held-out combinations if `held`, none of them otherwise."""
    while True:
        first = _random_object(rng, mention_rate)
        ground = _pick(rng, len(words.COLOUR_NAMES), 1.0 if held else 0.92)
        if held and UNSPECIFIED in (first.shape, first.colour, first.motion):
            continue
        if held_out(first) != held or (ground != UNSPECIFIED and ground == first.colour):
            continue
        if rng.random() >= doubles:
            return ClipSpec((first,), ground)
        if rng.random() < 0.25:
            return ClipSpec((first, first), ground, twins=True)
        second = _random_object(rng, mention_rate)
        if (held_out(second) and not held) or (ground != UNSPECIFIED and ground == second.colour):
            continue
        if (second.shape, second.colour) != (first.shape, first.colour) and second.shape != UNSPECIFIED:
            return ClipSpec((first, second), ground)


def motion_words(rng: random.Random, item: ObjectSpec, finite: bool) -> str:
    """Return the motion as a participle or finite verb phrase; empty if it is unspecified."""
    if item.motion == UNSPECIFIED:
        return ""
    name = words.MOTIONS[item.motion]
    kind = 1 if finite else 0
    if name in words.STEPS and (name not in words.DOING or rng.random() < 0.7):
        verb, rest = rng.choice(words.GOING)[kind], " " + rng.choice(words.WHERE[name])
    else:
        verb, rest = rng.choice(words.DOING[name])[kind], ""
    if item.speed == UNSPECIFIED:
        return verb + rest
    adverb = rng.choice(words.SPEEDS[words.SPEED_NAMES[item.speed]])
    if rng.random() < 0.5 and " " not in adverb and adverb != "fast":
        return f"{adverb} {verb}{rest}"
    return f"{verb}{rest} {adverb}"


def _colour_word(rng: random.Random, colour: int) -> str:
    """Return a word for a colour, sometimes with a shade ("dark blue") that does not change the picture."""
    name = words.COLOUR_NAMES[colour]
    word = rng.choice(words.COLOURS[name])
    return f"{rng.choice(words.SHADES)} {word}" if name != "black" and rng.random() < 0.06 else word


def object_words(rng: random.Random, item: ObjectSpec, article: str, plural: bool = False) -> str:
    """Return the appearance of an object as a phrase: "a big crimson ball"."""
    noun = "shape" if item.shape == UNSPECIFIED else rng.choice(words.SHAPES[words.SHAPE_NAMES[item.shape]])
    colour = "" if item.colour == UNSPECIFIED else _colour_word(rng, item.colour)
    size = "" if item.size == UNSPECIFIED else rng.choice(words.SIZES[words.SIZE_NAMES[item.size]])
    noun = words.plural(noun) if plural else noun
    parts = [colour, size, noun] if rng.random() < 0.08 else [size, colour, noun]
    phrase = " ".join(part for part in parts if part)
    if article == "a" and phrase[0] in "aeio":
        article = "an"
    return f"{article} {phrase}".strip()


def background_words(rng: random.Random, ground: int) -> str:
    """Return the background as a trailing phrase; empty if it is unspecified."""
    if ground == UNSPECIFIED:
        return ""
    name = words.COLOUR_NAMES[ground]
    where = rng.choice(("on", "over", "against", "in front of", "across", "above"))
    if name in words.SCENERY and rng.random() < 0.15:
        return f"{where} {rng.choice(words.SCENERY[name])}"
    colour = _colour_word(rng, ground)
    if where == "on" and rng.random() < 0.25:
        return f"on {colour}"
    if rng.random() < 0.15:
        return f"with {_article(colour)} background"
    noun = "background" if rng.random() < 0.6 else rng.choice(words.GROUNDS)
    return f"{where} {_article(colour)} {noun}"


def _article(phrase: str) -> str:
    return f"{'an' if phrase[0] in 'aeio' else 'a'} {phrase}"


def _ground_name(rng: random.Random, ground: int) -> str:
    return (
        "" if ground == UNSPECIFIED else rng.choice(words.COLOURS[words.COLOUR_NAMES[ground]]) + " background"
    )


def _single(rng: random.Random, item: ObjectSpec, ground: int, held: bool) -> str:
    a = object_words(rng, item, "a")
    bare = object_words(rng, item, "")
    the = object_words(rng, item, "the")
    doing, does = motion_words(rng, item, False), motion_words(rng, item, True)
    place, name = background_words(rng, ground), _ground_name(rng, ground)
    if held:
        return rng.choice(
            (
                f"there is {a} {doing} {place}",
                f"{place} we see {a} {doing}",
                f"show me {a} which {does} {place}",
                f"{name}. {the} {does}",
                f"watch {a} as it {does} {place}",
            )
        )
    return rng.choice(
        (
            f"{a} {doing} {place}", f"{a} {doing} {place}", f"{a} {does} {place}", f"{a} {does} {place}",
            f"{bare} {doing} {place}", f"{bare} {does} {place}", f"{doing} {bare} {place}", f"{a} {place} {doing}",
            f"{place}, {a} {does}", f"{name}, {a} {doing}", f"{a} that {does} {place}", f"{bare}, {doing}, {name}",
            f"a video of {a} {doing} {place}", f"an animation of {a} that {does} {place}",
            f"the background is {name.removesuffix(' background') or 'plain'}, {the} {does}",
            f"{a}. it {does}. {name}", f"{the} is {doing} {place}",
        )
    )  # fmt: skip


def _double(rng: random.Random, spec: ClipSpec, held: bool) -> str:
    one, two = spec.objects
    place, name = background_words(rng, spec.ground), _ground_name(rng, spec.ground)
    if spec.twins:
        number = rng.choice(("two", "2", "a pair of"))
        pair = object_words(rng, one, number, plural=True)
        doing = motion_words(rng, one, False)
        if held:
            return rng.choice((f"there are {pair} {doing} {place}", f"{place} we see {pair} {doing}"))
        return rng.choice((f"{pair} {doing} {place}", f"{name}, {pair} {doing}", f"{pair} {place} {doing}"))
    a, b = object_words(rng, one, "a"), object_words(rng, two, "a")
    a_doing, b_doing = motion_words(rng, one, False), motion_words(rng, two, False)
    a_does, b_does = motion_words(rng, one, True), motion_words(rng, two, True)
    if held:
        return rng.choice(
            (
                f"there is {a} {a_doing} and {b} {b_doing} {place}",
                f"{place} we see {a} {a_doing} and {b} {b_doing}",
            )
        )
    return rng.choice(
        (
            f"{a} {a_doing} and {b} {b_doing} {place}", f"{a} {a_does} and {b} {b_does} {place}",
            f"{a} {a_doing}, {b} {b_doing}, {name}", f"{a} {a_does} while {b} {b_does} {place}",
            f"{place}, {a} {a_does} and {b} {b_does}", f"{name}, {a} {a_doing} and {b} {b_doing}",
        )
    )  # fmt: skip


def write_caption(rng: random.Random, spec: ClipSpec, *, held: bool) -> str:
    """Return a caption for a spec, in a held-out wording or in a training one (with random fillers)."""
    text = (
        _single(rng, spec.objects[0], spec.ground, held)
        if len(spec.objects) == 1
        else _double(rng, spec, held)
    )
    tokens = text.replace(" .", ".").replace(" ,", ",").split()
    if not held and rng.random() < 0.3:
        for _ in range(rng.randint(1, 3)):
            at = rng.randint(0, len(tokens))
            tokens.insert(at, rng.choice(words.FILLERS) if rng.random() < 0.7 else "[UNK]")
    return " ".join(tokens).strip(" ,.")


def caption_stream(seed: int, *, held: bool, doubles: float = 0.3) -> Iterator[tuple[ClipSpec, str]]:
    """Yield specs and captions without end, the same ones for the same seed."""
    rng = random.Random(seed)  # noqa: S311 - reproducible data, not a secret
    while True:
        spec = draw_spec(rng, held=held, doubles=doubles)
        yield spec, write_caption(rng, spec, held=held)
