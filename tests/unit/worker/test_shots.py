"""Where a prompt is cut into shots: at marks, in the languages that people write, and nowhere else."""

from __future__ import annotations

import pytest

from kinolog.storyboard.shots import Shot, Transition, marked_shots


def _shots(prompt: str) -> list[str]:
    return [shot.text for shot in marked_shots(prompt, 32).shots]


def _lengths(prompt: str) -> list[float | None]:
    return [shot.seconds for shot in marked_shots(prompt, 32).shots]


@pytest.mark.parametrize(
    "prompt",
    [
        "A corgi surfs a wave. Golden hour. Shot on 35mm. Highly detailed. 4k.",
        "A panda sits on a stool. The panda strums a guitar. Nearby other pandas watch. Sunlight falls.",
        "a red circle in a field\non a rainy day",
        "A kite with the U.S. flag flies over a beach. It turns.",
        'A sign says "Stop! Then go! Scene 2: look!" on a wall.',
        "«Scène 1 : la mer. Scène 2 : le port.», dit l'affiche.",
        "„Szene 1: Regen. Szene 2: Sonne.“ steht auf dem Plakat.",
        "看板に「シーン1：海。シーン2：山。」と書いてある。",
        "Dr. Who walks 3.5 miles at 1.5 m/s. He stops at 2.0 p.m. on St. Mark's square.",
        "Prof. Dr. Meier läuft 2,5 km. Am 3. Mai z. B. regnet es.",
        "a star rises, then a ring falls",
        "Since then a cat lives here. Until then a dog did.",
        "Next to the barn a horse grazes. Dopo la pioggia il sole. Después de la lluvia sale el sol.",
        "Luego del baile todos comen. Depois da chuva vem o sol.",
        "Then a single thing happens.",
        "Scene 1: a ball alone.",
        "1. a ball",
        "In scene 1: a fox. In scene 2: a bear.",
        "First, a cat sleeps. Second, a dog barks.",
        "The light fades to black. A cut on his hand heals.",
        "The plan is simple: 2 people, 10-20 cars, 3 dogs.",
        "10-20 people: all of them dance. 30-40 dogs: all of them bark.",
        "He scored 3 goals. Scene 2: his favourite film of 2019. Scene 3: his second.",
        "...",
        "4k",
    ],
)
def test_what_has_no_marks_is_one_shot(prompt: str) -> None:
    """Sentences, lines, abbreviations, decimals, quotations and lists of looks begin no shot; every word stays."""
    assert _shots(prompt) == [prompt]


@pytest.mark.parametrize(
    "prompt",
    [
        "Scene 1: rain. Scene 2: sun.",
        "SCENE 1 - rain. SCENE 2 - sun.",
        "[Scene 1] rain. [Scene 2] sun.",
        "[Scene 1]: rain. [Scene 2]: sun.",
        "Shot 1/2: rain. Shot 2/2: sun.",
        "**Shot 1:** rain.\n**Shot 2:** sun.",
        "**Shot 1**: rain.\n\n**Shot 2**: sun.",
        "Scene 1: rain; Scene 2: sun.",
        "Scene 1: rain, Scene 2: sun.",
        "**Scene 1 (0:00-0:02)**\n**rain**.\n\n**Scene 2 (0:02-0:04)**\nsun.",
        "* Shot 1: rain.\n* Shot 2: sun.",
        "- 0-2s: rain.\n- 2-4s: sun.",
        "### Scene 1\nrain.\n### Scene 2\nsun.",
        "Scene #1: rain.\nScene #2: sun.",
        "Scene one: rain.\nScene two: sun.",
        "1st scene: rain. 2nd scene: sun.",
        "Shot 1 (3s): rain. Shot 2 (2s): sun.",
        "Shot 1, 3s: rain. Shot 2, 2 seconds: sun.",
        "Clip 1: (3s) rain. Clip 2: (2s) sun.",
        "Szene 1: rain. Szene 2: sun.",
        "1. Szene: rain. 2. Szene: sun.",
        "Einstellung 1 (3 Sek.): rain. Einstellung 2 (2 Sekunden): sun.".replace("Sek.", "Sek"),
        "Scène 1 : rain. Scène 2 : sun.",
        "Plan n° 1 : rain. Plan n° 2 : sun.",
        "Escena 1: rain. Escena 2: sun.",
        "Toma 1 (3 segundos): rain. Toma 2 (2 segundos): sun.",
        "Cena 1: rain. Cena 2: sun.",
        "Scena 1: rain. Scena 2: sun.",
        "Inquadratura 1 – rain. Inquadratura 2 – sun.",
        "Сцена 1: rain. Сцена 2: sun.",
        "Кадр 1 (3 с): rain. Кадр 2 (2 сек): sun.",
        "Ujęcie 1: rain. Ujęcie 2: sun.",
        "Sahne 1: rain. Sahne 2: sun.",
        "Adegan 1: rain. Adegan 2: sun.",
        "场景1：rain.\n场景2：sun.",
        "场景１：rain.\n场景２：sun.",
        "镜头一：rain。镜头二：sun.",
        "【镜头1】rain。【镜头2】sun.",
        "第一个镜头：rain。第二个镜头：sun.",
        "シーン1：rain。シーン2：sun.",
        "장면 1: rain. 장면 2: sun.",
        "1번 씬: rain. 2번 씬: sun.",
        "المشهد 1: rain. المشهد 2: sun.",
        "दृश्य 1: rain। दृश्य 2: sun.",
        "0-2s: rain. 2-4s: sun.",
        "0–2 s: rain. 2–4 s: sun.",
        "[0:00-0:02] rain. [0:02-0:04] sun.",
        "0:00 - 0:02 rain\n0:02 - 0:04 sun.",
        "(0-2 seconds) rain (2-4 seconds) sun.",
        "From 0 to 2 seconds: rain. From 2 to 4 seconds: sun.",
        "Seconds 0-2: rain. Seconds 2-4: sun.",
        "0 bis 2 Sekunden: rain. 2 bis 4 Sekunden: sun.",
        "De 0 à 2 secondes : rain. De 2 à 4 secondes : sun.",
        "0 a 2 segundos: rain. 2 a 4 segundos: sun.",
        "0-2 с: rain. 2-4 с: sun.",
        "0-2秒：rain。2-4秒：sun.",
        "第0-2秒：rain。第2-4秒：sun.",
        "0~2초: rain. 2~4초: sun.",
        "1. rain\n2. sun.",
        "1) rain 2) sun.".replace(" 2)", "\n2)"),
        "1、rain\n2、sun.",
        "rain.\n\nsun.",
        "rain.\n\n\n   \nsun.",
        "rain. Then sun.",
        "rain. And then, sun.",
        "rain! After that sun.",
        "rain. Next, sun.",
        "rain. Finally, sun.",
        "rain. Dann sun.",
        "rain. Danach sun.",
        "rain. Puis sun.",
        "rain. Ensuite, sun.",
        "rain. Luego sun.",
        "rain. Después, sun.",
        "rain. Poi sun.",
        "rain. Dopo, sun.",
        "rain. Depois sun.",
        "rain. Em seguida, sun.",
        "rain. Затем sun.",
        "rain. Потом sun.",
        "rain. Następnie sun.",
        "rain. Sonra sun.",
        "rain. Kemudian sun.",
        "rain. Daarna sun.",
        "rain。然后，sun.",
        "rain。接着sun.",
        "rain。次に、sun.",
        "rain。それからsun.",
        "rain. 그런 다음 sun.",
        "rain. ثم sun.",
        "rain। फिर sun.",
        "rain. Cut to: sun.",
        "rain. We cut to sun.",
        "rain. Smash cut to sun.",
        "rain. Schnitt auf sun.",
        "rain. Corte a sun.",
        "rain。切到sun.",
        "rain.\nCUT TO:\nThen sun.",
    ],
)
def test_a_mark_begins_a_shot(prompt: str) -> None:
    """Labels, times, numbers, blank lines and "then" begin a shot, and none of these signs reaches the model."""
    assert [text.rstrip(".。!।") for text in _shots(prompt)] == ["rain", "sun"]


@pytest.mark.parametrize(
    "prompt",
    [
        "Shot 1 (3s): rain. Shot 2 (1.5s): sun.",
        "Shot 1, 3 seconds: rain. Shot 2, 1,5 seconds: sun.",
        "Scene 1: (3s) rain. Scene 2: (1.5 s) sun.",
        "Scene 1 (0-3s): rain. Scene 2 (3-4.5s): sun.",
        "Scene 1 [0:00–0:03]: rain. Scene 2 [0:03–0:04.5]: sun.",
        "0-3s: rain. 3-4.5s: sun.",
        "0-3 Sek: rain. 3-4,5 Sek: sun.",
        "[0:00-0:03] rain [0:03-0:04.5] sun".replace(" [", "\n["),
        "カット1（3秒）：rain。カット2（1.5秒）：sun.",
    ],
)
def test_a_mark_may_have_a_length(prompt: str) -> None:
    """Seconds, ranges and clocks give the length of their shot."""
    assert _lengths(prompt) == [3.0, 1.5]
    assert marked_shots(prompt, 32).seconds == 4.5


def test_lengths_that_a_shot_lacks() -> None:
    """Numbers without a unit are no seconds, and shots without a length have none."""
    assert _lengths("Scene 1 (3): rain. Scene 2 (3-1s): sun. Scene 3 (2s): fog.") == [None, None, 2.0]
    assert marked_shots("Scene 1 (3s): rain. Scene 2: sun.", 32).seconds is None


def test_times_that_go_back_are_no_shots() -> None:
    """A range that begins before the one before it ends is text of that shot."""
    assert _shots("0-2s: rain. 1-3s: fog. 2-4s: sun.") == ["rain. 1-3s: fog.", "sun."]


def test_what_stands_before_the_first_label_is_in_every_shot() -> None:
    """A preamble is part of every shot, with a full stop between."""
    prompt = "A noir film about a fox\nScene 1: rain.\nScene 2: sun."
    assert _shots(prompt) == ["A noir film about a fox. rain.", "A noir film about a fox. sun."]


@pytest.mark.parametrize(
    ("prompt", "tail"),
    [
        ("Scene 1: A fox. Scene 2: A cat. Shot on 35mm. 4k.", "Shot on 35mm. 4k."),
        ("A fox. Then a cat. Golden hour. Highly detailed.", "Golden hour. Highly detailed."),
        ("A fox.\n\nA cat.\n\nShot on 35mm, 4k, film grain", "Shot on 35mm, 4k, film grain"),
        ("0-2s: A fox. 2-4s: A cat. Cinematic, 4K, masterpiece.", "Cinematic, 4K, masterpiece."),
        ("A fox. Then a cat.\nStyle: film noir", "Style: film noir"),
        ("Style: film noir\n\nA fox.\n\nA cat.", "Style: film noir"),
        ("1. A fox\n2. A cat\nMood: calm\nCamera: slow pan", "Mood: calm. Camera: slow pan"),
        (
            "Szene 1: A fox. Szene 2: A cat. Aufgenommen auf 35mm. Filmisch.",
            "Aufgenommen auf 35mm. Filmisch.",
        ),
        ("A fox. Puis a cat. Tourné en 35mm. Très détaillé.", "Tourné en 35mm. Très détaillé."),
        ("A fox. Luego a cat.\nEstilo: cine negro", "Estilo: cine negro"),
        ("Cena 1: A fox. Cena 2: A cat. Estilo cinematográfico, 4k.", "Estilo cinematográfico, 4k."),
        ("A fox. Затем a cat. Снято на 35mm. Кинематографично.", "Снято на 35mm. Кинематографично."),
        ("A fox。然后a cat。电影感，4K。", "。电影感，4K。"),
        ("A fox。それからa cat。シネマティック、高画質。", "シネマティック、高画質。"),
        ("A fox. 그런 다음 a cat. 시네마틱, 4K.", "시네마틱, 4K."),
    ],
)
def test_the_style_is_in_every_shot_and_is_no_shot(prompt: str, tail: str) -> None:
    """Looks at the end, and lines that name them, are repeated in each of the two shots."""
    shots = _shots(prompt)
    assert len(shots) == 2
    assert all(shot.endswith(tail) for shot in shots)
    assert ["fox" in shot for shot in shots] == [True, False]
    assert ["cat" in shot for shot in shots] == [False, True]


def test_lines_below_each_scene_stay_with_it() -> None:
    """A line of a name that comes again, or in the middle, is of its own scene."""
    prompt = "Scene 1: rain.\nCamera: slow pan\n\nScene 2: sun.\nCamera: static"
    assert _shots(prompt) == ["rain.\nCamera: slow pan", "sun.\nCamera: static"]
    assert _shots("Scene 1: rain.\nMood: sad\nScene 2: sun.") == ["rain.\nMood: sad", "sun."]
    assert _shots("rain.\n\nMood: sad\n\nsun.\n\nMood: gay") == ["rain.\nMood: sad", "sun.\nMood: gay"]


@pytest.mark.parametrize(
    "prompt",
    [
        "Scene 1: A fox. Scene 2: Golden hour.",
        "Scene 1:\nA fox.\nScene 2:\nGolden hour.",
        "1. A fox.\n2. Golden hour.",
        "0-2s: A fox. 2-4s: Golden hour.",
        "A fox. Then golden hour.",
    ],
)
def test_a_marked_shot_of_looks_alone_is_a_shot(prompt: str) -> None:
    """A look that has a mark of its own is what that shot shows."""
    assert [text.lower().rstrip(".") for text in _shots(prompt)] == ["a fox", "golden hour"]


def test_a_last_sentence_with_a_subject_is_no_style() -> None:
    """What happens at the end belongs to the last shot, whatever devices it names."""
    shots = _shots("A fox. Then a man walks. He films the fox with his new 4k camera and 35mm lenses.")
    assert shots[0] == "A fox."
    assert _shots("A fox. Then a cat. The TV is 4k.")[0] == "A fox."


@pytest.mark.parametrize(
    "line",
    [
        "Negative prompt: blur, text",
        "NEGATIVE: blur, text",
        "Avoid: blur, text.",
        "Negativ: blur, text",
        "Prompt négatif : blur, text",
        "Prompt negativo: blur, text",
        "Негативный промпт: blur, text",
        "负面提示词：blur, text",
        "ネガティブプロンプト：blur, text",
        "네거티브 프롬프트: blur, text",
    ],
)
def test_negative_lines_are_no_shots(line: str) -> None:
    """What a line excludes is in no shot, wherever it stands."""
    for prompt in (f"Scene 1: rain.\nScene 2: sun.\n{line}", f"{line}\n\nScene 1: rain.\n\nScene 2: sun."):
        found = marked_shots(prompt, 32)
        assert [shot.text for shot in found.shots] == ["rain.", "sun."]
        assert found.negative == "blur, text"


def test_what_is_excluded_ends_with_its_line_or_at_the_next_label() -> None:
    """The scene after an excluded text in the same line is a scene, and a single shot loses its negative line too."""
    found = marked_shots("Scene 1: rain. Negative: blur. Scene 2: sun. Negative: text.", 32)
    assert ([shot.text for shot in found.shots], found.negative) == (["rain.", "sun."], "blur, text")
    found = marked_shots("rain falls.\nNegative: blur\nIt stops.", 32)
    assert ([shot.text for shot in found.shots], found.negative) == (["rain falls.\nIt stops."], "blur")
    assert marked_shots("Negative: blur", 32).shots == (Shot("Negative: blur"),)


def test_a_screenplay_is_cut_at_its_headings() -> None:
    """Headings begin shots and stay in them; written-out transitions between them become the transitions."""
    prompt = """FADE IN:

    INT. KITCHEN - NIGHT

    A fox cooks. Then it eats.

    DISSOLVE TO:

    EXT. GARDEN - DAY

    A cat sleeps.

    CUT TO:

    INT. CAR

    A dog drives.

    FADE OUT."""
    shots = marked_shots(prompt, 32).shots
    assert [shot.transition for shot in shots] == [Transition.FADE, Transition.DISSOLVE, Transition.CUT]
    assert [shot.text.split("\n")[0] for shot in shots] == [
        "INT. KITCHEN - NIGHT",
        "EXT. GARDEN - DAY",
        "INT. CAR",
    ]
    assert not any(word in shot.text for shot in shots for word in ("FADE", "CUT TO", "DISSOLVE"))


def test_transitions_come_from_the_words() -> None:
    """A shot is cut to unless the prompt says fade or dissolve."""
    shots = marked_shots("A star. Fade to a ring. We dissolve to a ball. Cut to a cat. Then a dog.", 32).shots
    assert shots == (
        Shot("A star."),
        Shot("a ring.", Transition.FADE),
        Shot("a ball.", Transition.DISSOLVE),
        Shot("a cat."),
        Shot("a dog."),
    )
    assert [shot.transition for shot in marked_shots("Scene 1: a. Scene 2: Crossfade to b.", 32).shots] == [
        Transition.CUT,
        Transition.DISSOLVE,
    ]


def test_the_tail_joins_the_last_shot() -> None:
    """Where there are more shots than may be, the last has the words and the seconds of the rest."""
    shots = marked_shots("Shot 1 (1s): a. Shot 2 (2s): b. Shot 3 (3s): c.", 2).shots
    assert shots == (Shot("a.", seconds=1.0), Shot("b. c.", seconds=5.0))


@pytest.mark.parametrize(
    "unit", [" ", ". ", "Then a. ", "1. ", "\n", "\n\n", "Scene 1: ", "[", "#", '"" ! ', "0-1s: ", "4k. "]
)
def test_a_long_prompt_is_cut_in_linear_time(unit: str) -> None:
    """No pattern backtracks over thousands of blanks, dots, quotations or numbers: this ends."""
    assert marked_shots("a" + unit * (20_000 // len(unit)) + "b", 32).shots
