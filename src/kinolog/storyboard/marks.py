"""The marks that begin a shot, in the languages that people write prompts in."""

from __future__ import annotations

import re

_SCENE_WORDS = (
    "scene|shot|clip|szene|einstellung|scène|plan|séquence|escena|toma|plano|secuencia|cena|tomada|scena|inquadratura"
    "|ripresa|sequenza|opname|scen|scéna|záběr|ujęcie|сцена|кадр|план|σκηνή|sahne|adegan|cảnh|jelenet|kohtaus"
)
_SCENE_SIGNS = (
    "场景|場景|镜头|鏡頭|分镜|分鏡|シーン|ショット|カット|場面"
    "|장면|씬|샷|컷|(?:ال)?مشهد|(?:ال)?لقطة|סצנה|दृश्य|शॉट|ฉาก"
)
_SECOND = (
    "(?:s|secs?|seconds?|sek|sekunden?|secondes?|segundos?|secondi"
    "|с|сек|секунд[аы]?|sekund[ay]?|sn|saniye|秒钟?|초)"
)
_DASH = "(?:[-–—~～]|to|bis|à|a|до)"
_DECIMAL = r"\d{1,3}(?:[.,]\d{1,3})?"
_MOMENT = rf"(?:\d{{1,2}}:\d{{2}}(?:[.,]\d{{1,3}})?|{_DECIMAL})"
_NUMBER = (
    r"\d{1,3}(?![\da-z])|[一二三四五六七八九十]{1,3}|(?:one|two|three|four|five|six|seven|eight|nine|ten)\b"
)
_EMPHASIS = "[#*_]{0,6}"


def _time(suffix: str) -> str:
    """Return the pattern of "3s", "0-2s" and "0:02-0:05" in brackets; its groups end with `suffix`."""
    return (
        rf" ?[(（\[【] ?(?:(?P<from{suffix}>{_MOMENT}) ?{_SECOND}? ?{_DASH} ?)?(?P<to{suffix}>{_MOMENT})"
        rf" ?(?P<unit{suffix}>{_SECOND})? ?[)）\]】]"
    )


LABEL = re.compile(
    rf"{_EMPHASIS} ?(?P<open>[\[【(（])? ?(?:"
    rf"\b(?:{_SCENE_WORDS})[ -]?(?:#|n[ro°]?\.? |№ ?)?(?P<number>{_NUMBER})"
    rf"|(?:{_SCENE_SIGNS}) ?(?P<number_of_sign>{_NUMBER})"
    rf"|第 ?(?P<number_in_sign>{_NUMBER}) ?(?:个|個|つ目の|番目の)?(?:{_SCENE_SIGNS}|幕|场|場)"
    rf"|(?P<number_before>\d{{1,3}})(?:\.|st|nd|rd|th|ª|º|°|ère|ème|er|e|-я|번째|번)? ?"
    rf"(?:{_SCENE_WORDS}|{_SCENE_SIGNS})\b"
    rf")(?: ?(?:/|of|von|de|di|из) ?\d{{1,3}}\b)?(?:{_time('')}"
    rf"|, ?(?P<comma>{_DECIMAL}) ?{_SECOND}\b)? ?(?P<close>[\]】)）])?"
    rf"(?P<end>{_EMPHASIS} ?(?:[:：]|\.(?!\d)|[-–—](?= )|(?=\n)))?"
    rf"{_EMPHASIS}(?:{_time('_after')} ?[:：]?)?{_EMPHASIS} ?",
    re.IGNORECASE,
)
"""A labelled shot: "Scene 1:", "[Scene 1]", "Shot 2 (3s):", "1. Szene –", "镜头一：". It ends, or has both brackets."""

HEADING = re.compile(r"(?:INT|EXT|I/E|ИНТ|НАТ|ЭКСТ)[./ ] ?(?=\S)|[内外]景[.:：、 ]?(?=\S)")
"""The heading of a scene in a screenplay: "INT. KITCHEN - NIGHT"."""

ITEM = re.compile(r"(?P<number>\d{1,3})(?:[.)](?= )|[、．）]) ?")
"""An item of a numbered list: "1. ", "2) ", "３、"."""

TIMING = re.compile(
    rf"{_EMPHASIS}[-•]? ?(?P<open>[\[【(（])? ?(?:(?:from|von|de|da|от|с|第) ?)?(?:(?P<unit_before>{_SECOND}) )?"
    rf"(?P<from>{_MOMENT}) ?{_SECOND}? ?{_DASH} ?(?P<to>{_MOMENT}) ?(?P<unit>{_SECOND}(?!\w))?"
    rf" ?(?P<close>[\]】)）])?{_EMPHASIS}(?P<end> ?[:：]| [-–—](?= )|(?=\n))?{_EMPHASIS} ?",
    re.IGNORECASE,
)
"""A shot with its time: "0-2s: …", "[0:00-0:03] …", "2–4 秒：…". It has a unit or a clock."""

_THEN_WORDS = (
    r"then(?! and now)|after that|afterwards|later,|finally|next(?:,| (?=(?:we|an?|the|it|he|she|they)\b))"
    r"|dann|danach|anschließend|schließlich|später|puis|ensuite|après cela,?|plus tard|enfin,"
    r"|luego(?! de)|después(?! del?\b)|entonces|más tarde|finalmente|poi|quindi|dopo,|dopodiché|infine|più tardi"
    r"|depois(?! d[aeo]s?\b)|então|em seguida|mais tarde|daarna|vervolgens|därefter|derefter"
    r"|затем|потом|после этого|далее|наконец|potem|następnie|później|sonra|ardından|lalu|kemudian|sau đó"
)
_THEN_SIGNS = (
    "然后|然後|接着|接著|随后|隨後|接下来|接下來|之后，|最后，|次に|それから|その後|続いて|すると、|最後に"
    "|그런 다음|그러고 나서|그 후|그리고 나서|그다음|이어서|다음으로|ثم|بعد ذلك|फिर|उसके बाद"
)
THEN = re.compile(
    rf"(?:(?:and|but|und|et|y|e|i|и) )?(?:(?:{_THEN_WORDS})(?!\w),? ?(?=\S)|(?:{_THEN_SIGNS})[,，、،]? ?(?=\S))",
    re.IGNORECASE,
)
"""The beginning of a sentence that goes on with another shot: "Then …", "Danach …", "然后…"."""

TRANSITION = re.compile(
    r"(?:(?:we|and|then) )*(?:"
    r"(?:(?P<dissolve>cross-?fad(?:es?|ing)|dissolv(?:es?|ing))|(?P<fade>fad(?:es?|ing))"
    r"|(?:smash |match |jump |hard )?(?:cuts?|cutting)) "
    r"(?:in (?:to|on|from black(?: to)?)|into|to|from black(?: to)?|in ?[:,])(?! (?:black|white|pieces)\b)"
    r"|(?P<dissolve_abroad>überblendung (?:auf|zu)|fondu enchaîné (?:sur|vers)|fundido encadenado a"
    r"|dissolvenza (?:su|in)|叠化到|クロスフェードで)|(?P<fade_abroad>fondu (?:sur|vers)|淡入|フェードイン)"
    r"|(?:schnitt (?:auf|zu)|coupe (?:sur|à)|corte a|corta para|stacco su|切换到|切到|切至|カットして)"
    r") ?[:：,]? ?(?=\S)",
    re.IGNORECASE,
)
"""A written-out transition at the beginning of a sentence: "Fade to …", "We cut to: …"."""

TRANSITION_LINE = re.compile(
    r"(?:(?P<dissolve>(?:cross-?fade|dissolve)(?: to)?)|(?P<fade>fade (?:in|out|to black|to|from black))|"
    r"(?:smash |match |jump |hard )?cut to)(?: ?[:.])?",
    re.IGNORECASE,
)
"""A whole line of a screenplay that says how the next shot begins: "CUT TO:", "FADE IN:"."""

NEGATIVE = re.compile(
    r"(?:negative(?: prompts?)?|avoid|exclude|negativ(?:er prompt)?|vermeiden|(?:prompt )?négatif|éviter"
    r"|(?:prompt )?negativo|evitar|evitare|негатив(?:ный промпт)?|избегать|negatywny(?: prompt)?"
    r"|(?:负面|負面|反向|负向)(?:提示词|提示詞)?|ネガティブ(?:プロンプト)?|네거티브(?: 프롬프트)?"
    r"|부정 프롬프트) ?[:：] ?",
    re.IGNORECASE,
)
"""The beginning of what no shot shows: "Negative prompt: …"."""

QUOTATION = re.compile(
    r"\"[^\"\n]*\"|“[^”\n]*”|„[^“”\n]*[“”]|«[^»\n]*»|»[^«\n]*«|「[^」\n]*」|『[^』\n]*』|《[^》\n]*》"
)
"""A quotation: nothing in it begins a shot."""

SENTENCE_END = re.compile(r"(?:[.!?…؟।]+[)\"'”’»“«]*[*_]* |[。！？]+[」』”）]* ?|\n)")
"""The end of a sentence, with the space after it."""

CLAUSE_END = re.compile(r"[,;:] |[，；：、] ?")
"""The end of a part of a sentence, with the space after it. A label may follow."""

ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:mr|mrs|ms|dr|st|jr|sr|vs|no|nr|prof|approx|ca|bzw|usw|e\.g|i\.e|z\. ?b|d\. ?h|p\. ?ej|ej|sig|sra?"
    r"|etc|fig|vol|mme|т\. ?е|т\. ?д|ул|им|(?:[^\W\d_]\.)*[^\W\d_])\.$",
    re.IGNORECASE,
)
"""Text before a space that ends with a full stop and no sentence: "Dr.", "U.S."."""

DIGITS = {sign: number for number, sign in enumerate("一二三四五六七八九十", 1)} | {
    word: number
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), 1
    )
}
"""Numbers that are not written in digits, as far as labels are counted with them."""
