"""Tell the parts of a prompt that say how the film looks from those that say what it shows. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_STYLE_LINE = re.compile(
    r"[#*_]{0,6}(?P<name>(?:overall |visual |global )?(?:style|look|aesthetic|mood|tone|atmosphere|camera|lighting"
    r"|light|quality|format|lens|colou?rs?|palette|audio|sound|music)"
    r"|(?:visueller )?stil|stimmung|kamera|licht|ambiance|lumière|caméra|estilo|cámara|câmera|iluminaci[oó]n|iluminação"
    r"|stile|atmosfera|luce|стиль|настроение|камера|свет|styl|风格|風格|画风|氛围|镜头语言|色调|スタイル|画風|雰囲気|カメラ"
    r"|스타일|분위기|카메라)[*_]{0,3} ?[:：][*_]{0,3} ?(?=\S)",
    re.IGNORECASE,
)
"""A line that says how shots look: "Style: film noir"."""

_SHOT_ON = re.compile(
    r"(?:shot|filmed|captured|rendered|recorded|photographed) (?:on|in|with|at|by) .+"
    r"|(?:in the style of|inspired by|trending on|directed by) .+"
    r"|(?:aufgenommen|gefilmt|gedreht) (?:auf|mit|in) .+|im stil (?:von|der|des) .+"
    r"|(?:filmé|tourné)e? (?:en|avec|sur) .+|dans le style d.+|(?:filmad|rodad|gravad)[oa] (?:en|em|con|com) .+"
    r"|al? estilo de .+|no estilo d.+|girato (?:in|con|su) .+|nello stile d.+|снято на .+|в стиле .+|w stylu .+",
    re.IGNORECASE,
)
_ADVERBS = "highly|ultra|very|extremely|hyper|super|high|richly|hoch|sehr|très|muy|molto|muito|очень"
_LOOK = re.compile(
    rf"(?:(?:{_ADVERBS})[- ]?)?(?:detailed|realistic|cinematic|photoreal(?:istic)?|sharp|high quality|high resolution"
    r"|detailliert|realistisch|filmisch|kinoreif|détaillé|réaliste|cinématographique|detallad[oa]|realista"
    r"|cinematográfic[oa]|detalhad[oa]|dettagliat[oa]|realistico|cinematografic[oa]|детализированн\w+|реалистичн\w+"
    r"|кинематографичн\w+|szczegółow\w+|realistyczn\w+|filmow\w+)(?: \w+){0,2}"
    r"|(?:[\w'-]+ ){0,3}(?:style|look|aesthetics?|lighting|mood|atmosphere|stil|optik|beleuchtung|stimmung)"
    r"|(?:estilo|stile|style|iluminaci[oó]n|iluminação|illuminazione|éclairage|ambiance|стиль|освещение|styl) .+"
    r"|(?:golden|blue) hour(?: light(?:ing)?)?|goldene stunde|heure dorée|hora dorada|ora d'oro|hora dourada"
    r"|золотой час"
    r"|(?:soft|warm|cold|cool|dramatic|natural|neon|volumetric|moody|studio|diffused?)"
    r" (?:light|lighting|colou?rs|tones?)"
    r"|(?:black and white|monochrome|schwarz-?weiß|noir et blanc|blanco y negro|bianco e nero|preto e branco"
    r"|чёрно-белое|черно-белое)(?: \w+)?"
    r"|shallow (?:focus|depth of field)|slow motion|award[- ]winning|best quality|masterpiece|no text|high contrast",
    re.IGNORECASE,
)
_TECHNICAL = re.compile(
    r"(?<![a-z0-9])(?:\d{1,2}k|\d{3,4}p|\d{1,3} ?mm|\d{2,3} ?fps|hdr|uhd|imax|bokeh|film grain|depth of field"
    r"|colou?r grad(?:ed|e|ing)|(?:photo|hyper)realism|masterpiece|best quality|anamorphic|unreal engine|octane"
    r"|filmkorn|grain de film|grano de película)(?![a-z0-9])"
    r"|电影感|电影级|电影质感|高清|高画质|写实|映画的|シネマティック|高画質|フォトリアル|영화 같은|시네마틱|고화질",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"(?:an?|the|he|she|it|they|we|his|her|their|two|three|ein\w*|der|die|das|une?|les?|la|el|los|una?|il|lo|uma?|os?|as"
    r"|一[个只位名条]|он|она|оно)\b",
    re.IGNORECASE,
)
_PHRASE_END = re.compile(r"\s*[,;、，；]\s*")

_MAX_PHRASE_WORDS = 5
_MAX_SHOT_ON_WORDS = 14
_MAX_PHRASE_SIGNS = 10
"""Limit of a phrase in a script without spaces."""


def is_style_sentence(sentence: str) -> bool:
    """Return whether a whole sentence says how the film looks: "Shot on 35mm.", "4k, highly detailed", "Golden hour".

    Its first phrase and at least half of all phrases do.
    """
    words = sentence.strip(" \n.!…,;*_。！，；、")
    if not words or len(words) > 400:
        return False
    if _SHOT_ON.fullmatch(words) and len(words.split()) <= _MAX_SHOT_ON_WORDS:
        return True
    phrases = [phrase for phrase in _PHRASE_END.split(words) if phrase]
    styled = [_is_style_phrase(phrase) for phrase in phrases]
    return styled[0] and 2 * sum(styled) >= len(styled) and all(map(_is_short, phrases))


def _is_style_phrase(phrase: str) -> bool:
    if _SUBJECT.match(phrase) or not _is_short(phrase):
        return False
    return bool(_LOOK.fullmatch(phrase) or _TECHNICAL.search(phrase) or _SHOT_ON.fullmatch(phrase))


def _is_short(phrase: str) -> bool:
    if any("\u3040" <= sign <= "\u9fff" for sign in phrase):
        return len(phrase) <= _MAX_PHRASE_SIGNS
    return len(phrase.split()) <= _MAX_PHRASE_WORDS


def without_style_lines(text: str) -> tuple[str, list[str]]:
    """Return a text without the lines "Style: …" that are about all shots, and these lines.

    Such a line is the only one of its name, and stands at the beginning, at the end, or between blank lines. Other ones
    belong to the shot that they stand in: "Camera: …" below each scene.
    """
    lines = text.split("\n")
    found = [_STYLE_LINE.match(line) for line in lines]
    names = Counter(match["name"].lower() for match in found if match)
    style = [match is not None and names[match["name"].lower()] == 1 for match in found]
    taken = [
        wanted
        and (
            _free(lines, style, 0, at) or _free(lines, style, at + 1, len(lines)) or _stands_alone(lines, at)
        )
        for at, wanted in enumerate(style)
    ]
    left = "\n".join(line for line, gone in zip(lines, taken, strict=True) if not gone)
    notes = [line for line, gone in zip(lines, taken, strict=True) if gone]
    return re.sub(r"\n{3,}", "\n\n", left).strip(), notes


def is_style_line(line: str) -> bool:
    """Return whether a line says how shots look."""
    return _STYLE_LINE.match(line) is not None


def _free(lines: Sequence[str], style: Sequence[bool], start: int, end: int) -> bool:
    """Return whether the lines of a range are blank or style."""
    return all(style[at] or not lines[at] for at in range(start, end))


def _stands_alone(lines: Sequence[str], at: int) -> bool:
    """Return whether the lines before and after are blank."""
    return (at == 0 or not lines[at - 1]) and (at + 1 == len(lines) or not lines[at + 1])
