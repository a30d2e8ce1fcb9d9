/** What is wrong with a draft, as far as the page knows. The server checks it again, and knows more. */
import type { InputRole, Model } from "../../api/types";
import { type Draft, type DraftScene, fpsOf, listedSeconds } from "./draft";
import { LIMITS } from "./limits";
import { cronOf, utcTime } from "./start_time";

const LEAST_SCENE_FRAMES = 5;
const SIZE = /^(\d{1,5})x(\d{1,5})$/;

export type Trouble =
  | { kind: "required" }
  | { kind: "tooLong"; most: number }
  | { kind: "range"; least: number; most: number }
  | { kind: "whole"; least: number }
  | { kind: "sizeForm" }
  | { kind: "allLengths" }
  | { kind: "startTime" }
  | { kind: "pastTime" }
  | { kind: "cronForm" }
  | { kind: "noInputs" }
  | { kind: "missingInput"; role: InputRole };
/** Troubles by the name of a field: that of the draft, or such as `scenes[0].prompt`. */
export type Troubles = Record<string, Trouble>;

/** Return the number of Unicode characters of a text, as the server counts them. */
export function charactersOf(text: string): number {
  return Array.from(text).length;
}

function pixelsOf(size: string): number | undefined {
  const form = SIZE.exec(size);
  return form === null ? undefined : Number(form[1]) * Number(form[2]);
}

/** Return the largest rate factor of a codec; an empty one is that of the model. */
export function mostCrf(codec: string, model: Model): number {
  return (codec || model.defaults.codec).startsWith("av1") ? 63 : 51;
}

/** Return the steps of a video without a number of its own, and whether the profile fixes them. */
export function usualSteps(draft: Draft, model: Model): { steps: number; isFixed: boolean } {
  const profile = model.profiles.find((each) => each.name === draft.profile);
  return { steps: profile?.steps ?? model.defaults.steps, isFixed: (profile?.sigmas.length ?? 0) > 0 };
}

/** Return the guidance of a video without one of its own. */
export function usualGuidance(draft: Draft, model: Model): number {
  return model.profiles.find((each) => each.name === draft.profile)?.guidance ?? model.defaults.guidance;
}

export interface Shape {
  pixels: number;
  frames: number;
  steps: number;
}

/** Return the size of the work, or undefined while a field is not a number. */
export function shapeOf(draft: Draft, model: Model): Shape | undefined {
  const pixels = pixelsOf(draft.size || model.defaults.size);
  const fps = fpsOf(draft, model);
  const typed = draft.duration === "" ? undefined : Number(draft.duration);
  const seconds = listedSeconds(draft) ?? typed ?? model.defaults.frames / fps;
  const steps = draft.steps === "" ? usualSteps(draft, model).steps : Number(draft.steps);
  if (pixels === undefined || !(seconds > 0) || !(steps > 0)) return undefined;
  return { pixels, frames: Math.max(1, Math.round(seconds * fps)), steps };
}

function isOutside(text: string, least: number, most: number): boolean {
  return text !== "" && !(Number(text) >= least && Number(text) <= most);
}

function isNoSeed(text: string): boolean {
  return text !== "" && !/^\d{1,16}$/.test(text);
}

function sceneTroubles(scene: DraftScene, name: string, areAllLong: boolean, fps: number, mostSeconds: number): Troubles {
  const troubles: Troubles = {};
  if (scene.prompt.trim() === "") troubles[`${name}.prompt`] = { kind: "required" };
  if (charactersOf(scene.prompt) > LIMITS.prompt) troubles[`${name}.prompt`] = { kind: "tooLong", most: LIMITS.prompt };
  const least = Math.ceil((10 * LEAST_SCENE_FRAMES) / fps) / 10;
  if (!areAllLong && scene.seconds === "") troubles[`${name}.duration`] = { kind: "allLengths" };
  if (isOutside(scene.seconds, LEAST_SCENE_FRAMES / fps, mostSeconds)) {
    troubles[`${name}.duration`] = { kind: "range", least, most: mostSeconds };
  }
  if (isNoSeed(scene.seed)) troubles[`${name}.seed`] = { kind: "whole", least: 0 };
  return troubles;
}

/** Return what is wrong with when the job starts. */
function startTroubles(draft: Draft, now: number): Troubles {
  const troubles: Troubles = {};
  const mostMinutes = LIMITS.start_timeout_seconds / 60;
  if (isOutside(draft.startTimeout, 1, mostMinutes)) troubles["startTimeout"] = { kind: "range", least: 1, most: mostMinutes };
  else if (!Number.isInteger(Number(draft.startTimeout))) troubles["startTimeout"] = { kind: "whole", least: 1 };
  if (draft.start === "later") {
    const time = utcTime(draft.startAfter);
    if (time === undefined) troubles["startAfter"] = { kind: "startTime" };
    else if (Date.parse(time) < now) troubles["startAfter"] = { kind: "pastTime" };
  }
  if (draft.start === "repeated") {
    const isWritten = draft.runTimes.rhythm === "cron";
    if (cronOf(draft.runTimes) === undefined) troubles["cron"] = { kind: isWritten ? "cronForm" : "startTime" };
    if (draft.inputs.length > 0) troubles["start"] = { kind: "noInputs" };
  }
  return troubles;
}

/** Return what is wrong with a draft at a time, in milliseconds. */
export function troublesOf(draft: Draft, model: Model, now: number = Date.now()): Troubles {
  const troubles: Troubles = startTroubles(draft, now);
  const check = (field: string, isWrong: boolean, trouble: Trouble): void => {
    if (isWrong) troubles[field] ??= trouble;
  };
  const fps = fpsOf(draft, model);
  const mostFrames = Math.max(model.max_frames, draft.isChained ? LIMITS.scenes * model.window_frames : 0);
  const mostSeconds = Math.min(Math.floor((mostFrames / fps) * 10) / 10, LIMITS.duration);
  check("prompt", draft.shots !== "list" && draft.prompt.trim() === "", { kind: "required" });
  for (const field of ["prompt", "negativePrompt"] as const) {
    check(field, charactersOf(draft[field]) > LIMITS.prompt, { kind: "tooLong", most: LIMITS.prompt });
  }
  check("title", charactersOf(draft.title) > LIMITS.title, { kind: "tooLong", most: LIMITS.title });
  const leastSeconds = Math.ceil(10 / fps) / 10;
  check("duration", isOutside(draft.duration, 0.01, mostSeconds), { kind: "range", least: leastSeconds, most: mostSeconds });
  check("steps", isOutside(draft.steps, 1, model.max_steps), { kind: "range", least: 1, most: model.max_steps });
  for (const field of ["steps", "fps", "crf"] as const) {
    check(field, draft[field] !== "" && !Number.isInteger(Number(draft[field])), { kind: "whole", least: 1 });
  }
  check("guidance", isOutside(draft.guidance, 0, LIMITS.guidance), { kind: "range", least: 0, most: LIMITS.guidance });
  check("seed", isNoSeed(draft.seed), { kind: "whole", least: 0 });
  check("fps", isOutside(draft.fps, 1, LIMITS.fps), { kind: "range", least: 1, most: LIMITS.fps });
  const crf = mostCrf(draft.codec, model);
  check("crf", isOutside(draft.crf, 1, crf), { kind: "range", least: 1, most: crf });
  check("size", draft.size !== "" && pixelsOf(draft.size) === undefined, { kind: "sizeForm" });
  draft.loras.forEach(({ weight }, index) =>
    check(`loras[${index}].weight`, isOutside(weight, -LIMITS.weight, LIMITS.weight), { kind: "range", least: -LIMITS.weight, most: LIMITS.weight }),
  );
  if (draft.shots === "list") {
    const areAllLong = draft.scenes.every(({ seconds }) => seconds === "");
    draft.scenes.forEach((scene, index) =>
      Object.assign(troubles, sceneTroubles(scene, `scenes[${index}]`, areAllLong, fps, mostSeconds)),
    );
  }
  const missing = model.inputs.find((input) => input.required && !draft.inputs.some(({ role }) => role === input.role));
  if (missing !== undefined) check("inputs", true, { kind: "missingInput", role: missing.role });
  return troubles;
}
