/** What a person has entered for a new video, its checks, and the request that comes of it. */
import type { GenerateRequest, InputRole, JobDetail, Model, Priority, Upload } from "../../api/types";

export const MOST_CHARACTERS = 4_000;
const SIZE = /^(\d{1,5})x(\d{1,5})$/;
const WORD = /[\p{L}\p{N}'-]+/gu;

export interface DraftInput {
  role: InputRole;
  name: string;
  upload: Upload;
}

/** Return the number of Unicode characters of a text, as the server counts them. */
export function charactersOf(text: string): number {
  return Array.from(text).length;
}

/** Fields as they are typed. An empty one takes what the model usually has. */
export interface Draft {
  prompt: string;
  negativePrompt: string;
  model: string;
  style: string;
  priority: Priority;
  duration: string;
  size: string;
  steps: string;
  guidance: string;
  seed: string;
  shots: "one" | "auto" | "written";
  title: string;
  inputs: readonly DraftInput[];
}

export const EMPTY_DRAFT: Draft = {
  prompt: "",
  negativePrompt: "",
  model: "",
  style: "",
  priority: "medium",
  duration: "",
  size: "",
  steps: "",
  guidance: "",
  seed: "",
  shots: "one",
  title: "",
  inputs: [],
};

/** Return the draft that makes a job again, with its seed, so that only what is changed differs. */
export function draftOf(job: JobDetail): Draft {
  return {
    ...EMPTY_DRAFT,
    prompt: job.prompt ?? "",
    negativePrompt: job.negative_prompt ?? "",
    model: job.model,
    style: job.style ?? "",
    priority: job.priority,
    duration: String(job.duration),
    size: job.size,
    steps: String(job.steps),
    guidance: String(job.guidance),
    seed: String(job.seed),
    title: job.title ?? "",
  };
}

export type Trouble =
  | { kind: "required" }
  | { kind: "tooLong"; most: number }
  | { kind: "range"; least: number; most: number }
  | { kind: "whole"; least: number }
  | { kind: "sizeForm" }
  | { kind: "missingInput"; role: InputRole };
export type Troubles = Partial<Record<keyof Draft, Trouble>>;

function pixelsOf(size: string): number | undefined {
  const form = SIZE.exec(size);
  return form === null ? undefined : Number(form[1]) * Number(form[2]);
}

export interface Shape {
  pixels: number;
  frames: number;
  steps: number;
}

/** Return the size of the work, or undefined while a field is not a number. */
export function shapeOf(draft: Draft, model: Model): Shape | undefined {
  const pixels = pixelsOf(draft.size || model.defaults.size);
  const seconds = draft.duration === "" ? model.defaults.duration : Number(draft.duration);
  const steps = draft.steps === "" ? model.defaults.steps : Number(draft.steps);
  if (pixels === undefined || !(seconds > 0) || !(steps > 0)) return undefined;
  return { pixels, frames: Math.max(1, Math.round(seconds * model.defaults.fps)), steps };
}

/** Return what is wrong with a draft, by field. The server checks it again, and knows more. */
export function troublesOf(draft: Draft, model: Model): Troubles {
  const troubles: Troubles = {};
  const check = (field: keyof Draft, isWrong: boolean, trouble: Trouble): void => {
    if (isWrong) troubles[field] ??= trouble;
  };
  check("prompt", draft.prompt.trim() === "", { kind: "required" });
  for (const field of ["prompt", "negativePrompt"] as const) {
    check(field, charactersOf(draft[field]) > MOST_CHARACTERS, { kind: "tooLong", most: MOST_CHARACTERS });
  }
  const mostSeconds = Math.floor((model.max_frames / model.defaults.fps) * 10) / 10;
  const number = (text: string, least: number, most: number): boolean =>
    text !== "" && !(Number(text) >= least && Number(text) <= most);
  const leastSeconds = Math.ceil(10 / model.defaults.fps) / 10;
  check("duration", number(draft.duration, 0.01, mostSeconds), { kind: "range", least: leastSeconds, most: mostSeconds });
  check("steps", number(draft.steps, 1, model.max_steps), { kind: "range", least: 1, most: model.max_steps });
  check("steps", draft.steps !== "" && !Number.isInteger(Number(draft.steps)), { kind: "whole", least: 1 });
  check("guidance", number(draft.guidance, 0, 100), { kind: "range", least: 0, most: 100 });
  check("seed", draft.seed !== "" && !/^\d{1,19}$/.test(draft.seed), { kind: "whole", least: 0 });
  check("size", draft.size !== "" && pixelsOf(draft.size) === undefined, { kind: "sizeForm" });
  const missing = model.inputs.find((input) => input.required && !draft.inputs.some(({ role }) => role === input.role));
  if (missing !== undefined) check("inputs", true, { kind: "missingInput", role: missing.role });
  return troubles;
}

/** Return the words of the prompt that the model does not know, each once. A model without a list knows all. */
export function unknownWords(prompt: string, model: Model): string[] {
  if (model.vocabulary.length === 0) return [];
  const known = new Set(model.vocabulary.map((word) => word.toLowerCase()));
  const words = (prompt.match(WORD) ?? []).map((word) => word.toLowerCase());
  return [...new Set(words)].filter((word) => !known.has(word));
}

export function requestOf(draft: Draft, requestId: string): GenerateRequest {
  const number = (text: string): number | undefined => (text === "" ? undefined : Number(text));
  const fields = {
    duration: number(draft.duration),
    steps: number(draft.steps),
    guidance: number(draft.guidance),
    seed: number(draft.seed),
    negative_prompt: draft.negativePrompt.trim() || undefined,
    style: draft.style || undefined,
    size: draft.size || undefined,
    title: draft.title.trim() || undefined,
    inputs: draft.inputs.length > 0 ? draft.inputs.map(({ role, upload }) => ({ role, upload_id: upload.upload_id })) : undefined,
  };
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  return {
    prompt: draft.prompt.trim(),
    model: draft.model,
    priority: draft.priority,
    shots: draft.shots,
    request_id: requestId,
    ...given,
  } as GenerateRequest;
}
