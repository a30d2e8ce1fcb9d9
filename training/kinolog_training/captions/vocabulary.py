"""The words that kinolog-tiny knows and their meaning: the single source for captions, judge and model card.

An attribute's value is its index in these tables. The first word of a value is its canonical name.
"""

from typing import Final

SHAPES: Final[dict[str, tuple[str, ...]]] = {
    "circle": (
        "circle",
        "ball",
        "disc",
        "disk",
        "dot",
        "sphere",
        "orb",
        "bubble",
        "moon",
        "sun",
        "planet",
        "coin",
    ),
    "square": ("square", "box", "block", "tile", "cube", "brick", "crate"),
    "triangle": ("triangle", "pyramid", "wedge", "tent"),
    "star": ("star", "asterisk", "starfish", "five-pointed star"),
    "ring": ("ring", "donut", "doughnut", "hoop", "bagel", "tyre", "tire"),
    "cross": ("cross", "plus", "plus sign", "crucifix"),
    "heart": ("heart", "love heart", "valentine"),
    "diamond": ("diamond", "rhombus", "lozenge", "gem", "jewel", "kite", "crystal"),
}

PLURALS: Final[dict[str, str]] = {
    "box": "boxes",
    "pyramid": "pyramids",
    "cross": "crosses",
    "plus": "pluses",
    "plus sign": "plus signs",
    "rhombus": "rhombuses",
    "starfish": "starfish",
    "crucifix": "crucifixes",
}

COLOURS: Final[dict[str, tuple[str, ...]]] = {
    "red": ("red", "crimson", "scarlet", "ruby", "cherry", "burgundy", "maroon"),
    "orange": ("orange", "tangerine", "amber", "apricot", "peach", "pumpkin"),
    "yellow": ("yellow", "golden", "gold", "lemon", "mustard", "canary"),
    "green": ("green", "emerald", "lime", "jade", "olive", "mint"),
    "cyan": ("cyan", "turquoise", "aqua", "teal"),
    "blue": ("blue", "azure", "cobalt", "sapphire", "navy", "royal blue"),
    "purple": ("purple", "violet", "indigo", "lavender", "lilac", "plum", "mauve"),
    "pink": ("pink", "rose", "magenta", "fuchsia", "salmon", "hot pink"),
    "brown": ("brown", "chocolate", "chestnut", "tan", "bronze", "copper", "coffee"),
    "white": ("white", "snowy", "ivory", "cream", "pearl"),
    "gray": ("gray", "grey", "silver", "slate", "ash", "charcoal"),
    "black": ("black", "ebony", "dark", "jet black", "onyx"),
}

# sRGB bytes; far enough apart to be distinguished after rasterizing, decoding and H.264.
PALETTE: Final[dict[str, tuple[int, int, int]]] = {
    "red": (215, 35, 40),
    "orange": (250, 140, 20),
    "yellow": (250, 225, 50),
    "green": (40, 160, 65),
    "cyan": (60, 215, 220),
    "blue": (35, 75, 215),
    "purple": (125, 50, 180),
    "pink": (250, 125, 190),
    "brown": (125, 75, 40),
    "white": (245, 245, 245),
    "gray": (130, 130, 130),
    "black": (18, 18, 18),
}

# Written before a colour; the picture's colour stays the same.
SHADES: Final[tuple[str, ...]] = ("dark", "light", "bright", "deep", "pale")

# Background phrases that imply a colour.
SCENERY: Final[dict[str, tuple[str, ...]]] = {
    "green": ("grass", "a meadow", "a lawn"),
    "blue": ("the sea", "the ocean", "water"),
    "white": ("snow", "ice", "paper"),
    "black": ("a night sky", "the night", "a dark sky", "darkness", "space"),
    "gray": ("fog", "concrete"),
    "cyan": ("a clear sky", "the sky", "a bright sky"),
    "brown": ("wood", "soil"),
    "orange": ("a sunset", "a sunset sky"),
    "yellow": ("sand", "a desert"),
}

SIZES: Final[dict[str, tuple[str, ...]]] = {
    "small": ("small", "little", "tiny", "mini", "miniature"),
    "medium": ("medium", "middle-sized", "medium-sized"),
    "big": ("big", "large", "huge", "giant", "enormous", "massive", "gigantic"),
}

SPEEDS: Final[dict[str, tuple[str, ...]]] = {
    "slow": ("slowly", "gently", "lazily", "leisurely", "very slowly"),
    "normal": ("steadily", "at a steady pace"),
    "fast": ("quickly", "fast", "rapidly", "swiftly", "very fast", "speedily"),
}

# Participles ("moving right") and finite verbs ("moves right") that mean each motion.
MOTIONS: Final[tuple[str, ...]] = (
    "still", "right", "left", "up", "down", "up right", "up left", "down right", "down left",
    "bouncing", "circling", "spinning", "growing", "shrinking",
)  # fmt: skip
STEPS: Final[dict[str, tuple[int, int]]] = {
    "right": (1, 0), "left": (-1, 0), "up": (0, -1), "down": (0, 1),
    "up right": (1, -1), "up left": (-1, -1), "down right": (1, 1), "down left": (-1, 1),
}  # fmt: skip

GOING: Final[tuple[tuple[str, str], ...]] = (
    ("moving", "moves"), ("going", "goes"), ("sliding", "slides"), ("gliding", "glides"), ("drifting", "drifts"),
    ("flying", "flies"), ("travelling", "travels"), ("heading", "heads"), ("floating", "floats"),
    ("rolling", "rolls"), ("running", "runs"), ("walking", "walks"), ("swimming", "swims"), ("racing", "races"),
    ("cruising", "cruises"), ("shifting", "shifts"), ("traveling", "travels"), ("zooming", "zooms"),
)  # fmt: skip
WHERE: Final[dict[str, tuple[str, ...]]] = {
    "right": (
        "right", "to the right", "rightwards", "from left to right", "towards the right", "toward the right",
        "from the left to the right", "rightward", "left to right", "to the right side",
    ),
    "left": (
        "left", "to the left", "leftwards", "from right to left", "towards the left", "toward the left",
        "from the right to the left", "leftward", "right to left", "to the left side",
    ),
    "up": (
        "up", "upwards", "upward", "to the top", "from bottom to top", "towards the top", "from the bottom to the top",
    ),
    "down": (
        "down", "downwards", "downward", "to the bottom", "from top to bottom", "towards the bottom",
        "from the top to the bottom",
    ),
    "up right": (
        "up and to the right", "up and right", "diagonally up and right", "towards the top right corner",
        "to the upper right", "diagonally to the top right", "up-right",
    ),
    "up left": (
        "up and to the left", "up and left", "diagonally up and left", "towards the top left corner",
        "to the upper left", "diagonally to the top left", "up-left",
    ),
    "down right": (
        "down and to the right", "down and right", "diagonally down and right",
        "towards the bottom right corner", "to the lower right", "diagonally to the bottom right", "down-right",
    ),
    "down left": (
        "down and to the left", "down and left", "diagonally down and left", "towards the bottom left corner",
        "to the lower left", "diagonally to the bottom left", "down-left",
    ),
}  # fmt: skip
DOING: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "still": (
        ("standing still", "stands still"), ("not moving", "does not move"), ("staying still", "stays still"),
        ("resting", "rests"), ("sitting still", "sits still"), ("staying in place", "stays in place"),
        ("motionless", "is motionless"), ("static", "is static"), ("stationary", "is stationary"),
        ("still", "is still"), ("frozen", "is frozen"),
        ("not moving at all", "does not move at all"), ("staying put", "stays put"), ("waiting", "waits"),
    ),
    "up": (
        ("rising", "rises"), ("ascending", "ascends"), ("climbing", "climbs"), ("soaring", "soars"),
        ("lifting off", "lifts off"),
    ),
    "down": (
        ("falling", "falls"), ("dropping", "drops"), ("sinking", "sinks"), ("descending", "descends"),
        ("plunging", "plunges"), ("falling down", "falls down"), ("raining down", "rains down"),
    ),
    "bouncing": (
        ("bouncing", "bounces"), ("hopping", "hops"), ("jumping", "jumps"), ("leaping", "leaps"), ("bobbing", "bobs"),
        ("bouncing up and down", "bounces up and down"),
        ("jumping up and down", "jumps up and down"),
    ),
    "circling": (
        ("circling", "circles around"), ("orbiting", "orbits"), ("moving in a circle", "moves in a circle"),
        ("going in circles", "goes in circles"), ("looping", "loops"),
        ("going round and round", "goes round and round"),
        ("flying in circles", "flies in circles"), ("moving in circles", "moves in circles"),
        ("going around in circles", "goes around in circles"), ("circling around", "circles"),
        ("travelling in a circle", "travels in a circle"),
    ),
    "spinning": (
        ("spinning", "spins"), ("rotating", "rotates"), ("turning", "turns"), ("twirling", "twirls"),
        ("whirling", "whirls"), ("spinning around", "spins around"), ("spinning in place", "spins in place"),
        ("rotating in place", "rotates in place"), ("revolving", "revolves"), ("swirling", "swirls"),
    ),
    "growing": (
        ("growing", "grows"), ("expanding", "expands"), ("getting bigger", "gets bigger"), ("swelling", "swells"),
        ("getting larger", "gets larger"), ("inflating", "inflates"),
        ("enlarging", "enlarges"), ("growing bigger", "grows bigger"),
        ("becoming bigger", "becomes bigger"), ("growing in size", "grows in size"),
    ),
    "shrinking": (
        ("shrinking", "shrinks"), ("contracting", "contracts"), ("getting smaller", "gets smaller"),
        ("dwindling", "dwindles"), ("deflating", "deflates"), ("becoming smaller", "becomes smaller"),
        ("shrinking down", "shrinks down"), ("diminishing", "diminishes"), ("shrinking in size", "shrinks in size"),
    ),
}  # fmt: skip

GROUNDS: Final[tuple[str, ...]] = (
    "background",
    "backdrop",
    "wall",
    "field",
    "canvas",
    "sky",
    "surface",
    "scene",
)

# Words without an attribute, inserted into training captions so that the encoder learns to ignore them.
FILLERS: Final[tuple[str, ...]] = (
    "video", "clip", "animation", "movie", "film", "picture", "image", "of", "showing", "with", "there", "is",
    "we", "see", "can", "one", "single", "simple", "nice", "beautiful", "cute", "bright", "shiny", "please", "show",
    "me", "watch", "as", "it", "in", "the", "frame", "screen", "across", "while", "which", "that", "this", "and",
    "lovely", "pretty", "smooth", "plain", "solid", "flat", "over", "very", "just", "some", "generate", "make",
    "create", "draw", "render", "short", "minimal", "clean", "front", "against", "where", "its", "own", "then",
    "happily", "shape", "object", "thing", "coloured", "colored", "style", "quality", "high", "4k", "cinematic",
    "middle", "center", "centre", "side", "room", "world", "at", "by", "for", "from", "i", "want", "like", "into",
)  # fmt: skip

SHAPE_NAMES: Final = tuple(SHAPES)
COLOUR_NAMES: Final = tuple(COLOURS)
SIZE_NAMES: Final = tuple(SIZES)
SPEED_NAMES: Final = tuple(SPEEDS)
ROUND_SHAPES: Final = frozenset({"circle", "ring"})  # rotating one of these changes no pixel


def plural(noun: str) -> str:
    """Return the plural of a shape noun."""
    return PLURALS.get(noun, noun + "s")
