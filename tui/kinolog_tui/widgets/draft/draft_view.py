"""A checked draft: its errors, its scenes and its estimated duration."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.widgets import Static

from kinolog.counts import counted
from kinolog.storyboard.planner import PlannedScene
from kinolog.storyboard.prompt_vocabulary import VocabularyMatch
from kinolog.storyboard.render_times import RenderEstimate
from kinolog_client import ModelInfo
from kinolog_tui.session.drafts import FIELD_NAMES, CheckedDraft, unknown_words, unused_marks
from kinolog_tui.text.display_text import plain, span
from kinolog_tui.widgets.theme_styles import style


class DraftView(Static):
    """The checked draft, on the right of the form."""

    def on_mount(self) -> None:
        """Set the title."""
        self.border_title = "what will be made"

    def show(
        self,
        model: ModelInfo,
        checked: CheckedDraft,
        scenes: Sequence[PlannedScene],
        estimate: RenderEstimate | None,
        past: int,
    ) -> None:
        """Show a draft; `past` is the number of past jobs of its model."""
        muted, warning = style(self.app, "text-muted"), style(self.app, "warning")
        text = Text()
        if checked.errors.keys() <= {"prompt"}:
            self._append_facts(text, model, checked, estimate, past)
        for name, words in checked.errors.items():
            if name == "prompt" and not checked.request.prompt:  # an empty prompt is no mistake yet
                text.append("say what the video shall show\n", style=warning)
            else:
                text.append(f"✖ {FIELD_NAMES.get(name, name)} {words}\n", style=style(self.app, "error"))
        self._append_unknown_words(text, unknown_words(scenes, model), model.name)
        if marked := unused_marks(checked):
            text.append(f"the prompt marks {marked} shots; shots auto cuts there\n", style=muted)
        text.append("\n")
        for scene in scenes:
            text.append(f"scene {scene.index + 1}", style=style(self.app, "accent", bold=True))
            end = scene.start_seconds + scene.duration_seconds
            text.append(
                f"  {scene.start_seconds:.1f}–{end:.1f} s  {plain(scene.camera)}, {plain(scene.transition)}\n",
                style=muted,
            )
            text.append(f"{scene.prompt}\n")
        longest = model.max_frames / model.defaults.fps
        limits = f"\n{model.name}: at most {longest:g} s, {counted(model.max_steps, 'step')}"
        sizes = ", ".join(model.sizes) or "any size that fits"
        text.append(f"{limits}; {sizes}", style=muted)
        self.update(text)

    def _append_facts(
        self, text: Text, model: ModelInfo, checked: CheckedDraft, estimate: RenderEstimate | None, past: int
    ) -> None:
        """Append the size of the video and the estimated time. With invalid fields they would be of another video."""
        muted, warning = style(self.app, "text-muted"), style(self.app, "warning")
        length = checked.frames / checked.fps
        text.append(
            f"{checked.width}x{checked.height}, {length:.4g} s, {counted(checked.frames, 'frame')}",
            style="bold",
        )
        text.append(f" at {checked.fps}/s, {counted(checked.steps, 'step')}\n")
        if earlier := checked.earlier.words:
            text.append(f"as before: {earlier}\n")
        if not model.workers:
            text.append("no worker serves this model now: it will wait\n", style=warning)
        if checked.variants > 1:
            text.append(f"{checked.variants} variants, {_seed_words(checked)}\n")
        if estimate is not None:
            words = f"about {span(estimate.seconds)} of work"
            if checked.variants > 1:
                words += f" each, {span(estimate.seconds * checked.variants)} together"
            text.append(words, style=style(self.app, "success"))
            text.append(f", estimated from {counted(estimate.jobs, 'past job')}\n", style=muted)
        elif past:
            text.append("no past job of about this size to estimate the time from\n", style=muted)
        else:
            text.append("no past job of this model to estimate the time from\n", style=muted)

    def _append_unknown_words(self, text: Text, words: VocabularyMatch, model: str) -> None:
        """Name the words that the model does not know while the prompt is typed."""
        warning = style(self.app, "warning")
        if words.dropped:
            text.append(f"{model} does not know and leaves out: {', '.join(words.dropped)}\n", style=warning)
        if words.replaced:
            pairs = ", ".join(f"{word} as {known}" for word, known in words.replaced)
            text.append(f"it reads {pairs}\n", style=warning)


def _seed_words(checked: CheckedDraft) -> str:
    """Return which seeds the variants have."""
    seed = checked.request.seed
    return "each with the next seed" if seed is None else f"seeds {seed} to {seed + checked.variants - 1}"
