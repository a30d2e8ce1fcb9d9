"""Captions: attributes drawn at random and sentences that say them, with wordings and combinations held out.

An unspecified attribute is -1: the caption is silent about it and the scene is free to choose.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from kinolog_training import vocabulary as words

UNSAID = -1
STILL = words.MOTIONS.index("still")
SPINNING = words.MOTIONS.index("spinning")
ROUND = frozenset(words.SHAPE_NAMES.index(name) for name in words.ROUND_SHAPES)


@dataclass(frozen=True)
class Thing:
    """One object as a caption says it; every field is an index into `vocabulary` or UNSAID."""

    shape: int
    colour: int
    size: int = UNSAID
    motion: int = UNSAID
    speed: int = UNSAID


@dataclass(frozen=True)
class Brief:
    """What a caption asks for: one or two things and a background colour (an index or UNSAID)."""

    things: tuple[Thing, ...]
    ground: int = UNSAID
    twins: bool = field(default=False)  # said as "two red circles"


def held_out(thing: Thing) -> bool:
    """Say whether this look and motion are kept from training, about one in twelve of the combinations."""
    if UNSAID in (thing.shape, thing.colour, thing.motion):
        return False
    return (5 * thing.shape + 7 * thing.colour + 11 * thing.motion) % 12 == 3


def _pick(rng: random.Random, count: int, said: float) -> int:
    return rng.randrange(count) if rng.random() < said else UNSAID


def _thing(rng: random.Random, said: float) -> Thing:
    """Draw a thing; `said` scales how often the optional attributes are spoken of."""
    while True:
        motion = _pick(rng, len(words.MOTIONS), 0.93)
        speed = _pick(rng, len(words.SPEED_NAMES), 0.3 * said) if motion not in (UNSAID, STILL) else UNSAID
        thing = Thing(
            shape=_pick(rng, len(words.SHAPE_NAMES), 0.99),
            colour=_pick(rng, len(words.COLOUR_NAMES), 0.97),
            size=_pick(rng, len(words.SIZE_NAMES), 0.4 * said),
            motion=motion,
            speed=speed,
        )
        if not (thing.motion == SPINNING and thing.shape in ROUND):
            return thing


def draw_brief(rng: random.Random, *, held: bool, doubles: float = 0.3, said: float = 1.0) -> Brief:
    """Draw what to ask for. `held` chooses only held-out combinations; otherwise none of them appears."""
    while True:
        first = _thing(rng, said)
        ground = _pick(rng, len(words.COLOUR_NAMES), 1.0 if held else 0.92)
        if held and UNSAID in (first.shape, first.colour, first.motion):
            continue
        if held_out(first) != held or (ground != UNSAID and ground == first.colour):
            continue
        if rng.random() >= doubles:
            return Brief((first,), ground)
        if rng.random() < 0.25:
            return Brief((first, first), ground, twins=True)
        second = _thing(rng, said)
        if (held_out(second) and not held) or (ground != UNSAID and ground == second.colour):
            continue
        if (second.shape, second.colour) != (first.shape, first.colour) and second.shape != UNSAID:
            return Brief((first, second), ground)


def motion_words(rng: random.Random, thing: Thing, finite: bool) -> str:
    """Say the motion as a participle phrase, or as a finite verb phrase; empty when the motion is unsaid."""
    if thing.motion == UNSAID:
        return ""
    name = words.MOTIONS[thing.motion]
    kind = 1 if finite else 0
    if name in words.STEPS and (name not in words.DOING or rng.random() < 0.7):
        verb, rest = rng.choice(words.GOING)[kind], " " + rng.choice(words.WHERE[name])
    else:
        verb, rest = rng.choice(words.DOING[name])[kind], ""
    if thing.speed == UNSAID:
        return verb + rest
    adverb = rng.choice(words.SPEEDS[words.SPEED_NAMES[thing.speed]])
    if rng.random() < 0.5 and " " not in adverb and adverb != "fast":
        return f"{adverb} {verb}{rest}"
    return f"{verb}{rest} {adverb}"


def _colour_word(rng: random.Random, colour: int) -> str:
    """A word for a colour, now and then shaded ("dark blue"), which changes nothing in the picture."""
    name = words.COLOUR_NAMES[colour]
    word = rng.choice(words.COLOURS[name])
    return f"{rng.choice(words.SHADES)} {word}" if name != "black" and rng.random() < 0.06 else word


def thing_words(rng: random.Random, thing: Thing, article: str, plural: bool = False) -> str:
    """Say how a thing looks: "a big crimson ball"."""
    noun = "shape" if thing.shape == UNSAID else rng.choice(words.SHAPES[words.SHAPE_NAMES[thing.shape]])
    colour = "" if thing.colour == UNSAID else _colour_word(rng, thing.colour)
    size = "" if thing.size == UNSAID else rng.choice(words.SIZES[words.SIZE_NAMES[thing.size]])
    noun = words.plural(noun) if plural else noun
    parts = [colour, size, noun] if rng.random() < 0.08 else [size, colour, noun]
    phrase = " ".join(part for part in parts if part)
    if article == "a" and phrase[0] in "aeio":
        article = "an"
    return f"{article} {phrase}".strip()


def ground_words(rng: random.Random, ground: int) -> str:
    """Say the background as a trailing phrase; empty when it is unsaid."""
    if ground == UNSAID:
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
    return "" if ground == UNSAID else rng.choice(words.COLOURS[words.COLOUR_NAMES[ground]]) + " background"


def _single(rng: random.Random, thing: Thing, ground: int, held: bool) -> str:
    a = thing_words(rng, thing, "a")
    bare = thing_words(rng, thing, "")
    the = thing_words(rng, thing, "the")
    doing, does = motion_words(rng, thing, False), motion_words(rng, thing, True)
    place, name = ground_words(rng, ground), _ground_name(rng, ground)
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


def _double(rng: random.Random, brief: Brief, held: bool) -> str:
    one, two = brief.things
    place, name = ground_words(rng, brief.ground), _ground_name(rng, brief.ground)
    if brief.twins:
        number = rng.choice(("two", "2", "a pair of"))
        pair = thing_words(rng, one, number, plural=True)
        doing = motion_words(rng, one, False)
        if held:
            return rng.choice((f"there are {pair} {doing} {place}", f"{place} we see {pair} {doing}"))
        return rng.choice((f"{pair} {doing} {place}", f"{name}, {pair} {doing}", f"{pair} {place} {doing}"))
    a, b = thing_words(rng, one, "a"), thing_words(rng, two, "a")
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


def say(rng: random.Random, brief: Brief, *, held: bool) -> str:
    """Word a brief as a caption, in a held-out wording or in a training one (with fillers scattered in)."""
    text = (
        _single(rng, brief.things[0], brief.ground, held)
        if len(brief.things) == 1
        else _double(rng, brief, held)
    )
    spoken = text.replace(" .", ".").replace(" ,", ",").split()
    if not held and rng.random() < 0.3:
        for _ in range(rng.randint(1, 3)):
            at = rng.randint(0, len(spoken))
            spoken.insert(at, rng.choice(words.FILLERS) if rng.random() < 0.7 else "[UNK]")
    return " ".join(spoken).strip(" ,.")


def captioned(seed: int, *, held: bool, doubles: float = 0.3) -> Iterator[tuple[Brief, str]]:
    """Yield briefs and captions for ever, the same ones for the same seed."""
    rng = random.Random(seed)  # noqa: S311 - reproducible data, not a secret
    while True:
        brief = draw_brief(rng, held=held, doubles=doubles)
        yield brief, say(rng, brief, held=held)
