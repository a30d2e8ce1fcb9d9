/** What a person has entered for a new video, and the request that comes of it. */
import type { GenerateRequest, InputRole, JobDetail, Model, NewSchedule, Priority, Scene, Upload } from "../../api/types";
import { type RunTimes, type Start, cronOf, ownZone, utcTime } from "./start_time";

export interface DraftInput {
  role: InputRole;
  name: string;
  /** The uploaded file. */
  upload?: Upload;
  /** A file of another job, which is uploaded when the video is submitted. */
  link?: string;
}

export interface DraftLora {
  name: string;
  weight: string;
}

export const TRANSITIONS = ["cut", "fade", "dissolve"] as const;
export type Transition = (typeof TRANSITIONS)[number];

export interface DraftScene {
  /** Tells scenes apart while they are moved. */
  id: number;
  prompt: string;
  seconds: string;
  transition: Transition;
  seed: string;
}

/** What the prompt is. `enhanced` is one shot whose prompt a language model rewrites, `list` a list of scenes. */
export const SHOTS = ["one", "enhanced", "auto", "written", "list"] as const;
export type Shots = (typeof SHOTS)[number];

/** Fields as they are typed. An empty one takes what the model usually has. */
export interface Draft {
  prompt: string;
  negativePrompt: string;
  model: string;
  style: string;
  priority: Priority;
  duration: string;
  size: string;
  profile: string;
  steps: string;
  guidance: string;
  seed: string;
  /** How many jobs with consecutive seeds are made: empty for one, 2 to 8. */
  variants: string;
  shots: Shots;
  scenes: readonly DraftScene[];
  isChained: boolean;
  loras: readonly DraftLora[];
  upscaler: string;
  fps: string;
  /** How many times more frames per second the video has than are drawn: empty, 2 or 4. */
  interpolation: string;
  codec: string;
  crf: string;
  title: string;
  inputs: readonly DraftInput[];
  start: Start;
  /** Local date and time, as a field of the browser has it. */
  startAfter: string;
  /** Minutes within which the job must start. */
  startTimeout: string;
  runTimes: RunTimes;
  /** Time zone of the schedule; empty for that of the browser. */
  zone: string;
  scheduleName: string;
  /** Whether the last of the missed runs of a schedule is made up for. */
  catchesUp: boolean;
}

export const EMPTY_DRAFT: Draft = {
  prompt: "",
  negativePrompt: "",
  model: "",
  style: "",
  priority: "medium",
  duration: "",
  size: "",
  profile: "",
  steps: "",
  guidance: "",
  seed: "",
  variants: "",
  shots: "one",
  scenes: [],
  isChained: false,
  loras: [],
  upscaler: "",
  fps: "",
  interpolation: "",
  codec: "",
  crf: "",
  title: "",
  inputs: [],
  start: "now",
  startAfter: "",
  startTimeout: "",
  runTimes: { rhythm: "daily", time: "22:00", weekday: "MON", cron: "" },
  zone: "",
  scheduleName: "",
  catchesUp: false,
};

/** What belongs to a model, and is left behind with it. */
export const OF_A_MODEL = { style: "", size: "", profile: "", loras: [], codec: "", crf: "", inputs: [], isChained: false } as const;

const MINUTE = 60;
let lastScene = 0;

export function emptyScene(): DraftScene {
  return { id: ++lastScene, prompt: "", seconds: "", transition: "cut", seed: "" };
}

function scenesOf(job: JobDetail, scenes: readonly Scene[]): DraftScene[] {
  return scenes.map((scene) => ({
    ...emptyScene(),
    prompt: scene.prompt ?? "",
    seconds: String(scene.duration_seconds),
    transition: TRANSITIONS.find((transition) => transition === scene.transition) ?? "cut",
    seed: scene.seed === job.seed ? "" : String(scene.seed),
  }));
}

/**
 * Return the draft that makes a job again, with its seed, so that only what is changed differs.
 *
 * The scenes of a job of several are listed, with the prompt of all in each. What its profile fills in is left to it.
 */
export function draftOf(job: JobDetail, model: Model | undefined, scenes: readonly Scene[]): Draft {
  const isList = job.scenes > 1 && scenes.length > 1;
  const profile = model?.profiles.find((each) => each.name === job.profile && each.name !== "exact");
  const ofProfile = new Map(profile?.loras.map((lora) => [lora.name, lora.weight]));
  return {
    ...EMPTY_DRAFT,
    prompt: isList ? "" : (job.prompt ?? ""),
    negativePrompt: job.negative_prompt ?? "",
    model: job.model,
    style: job.style ?? "",
    priority: job.priority,
    duration: isList ? "" : String(job.duration),
    size: job.size,
    profile: profile?.name ?? "",
    steps: profile !== undefined && profile.sigmas.length > 0 ? "" : String(job.steps),
    guidance: String(job.guidance),
    seed: String(job.seed),
    shots: isList ? "list" : "one",
    scenes: isList ? scenesOf(job, scenes) : [],
    isChained: job.chained,
    loras: job.loras
      .filter((lora) => ofProfile.get(lora.name) !== lora.weight)
      .map((lora) => ({ name: lora.name, weight: String(lora.weight) })),
    upscaler: job.upscaler ?? "",
    fps: job.fps === model?.defaults.fps ? "" : String(job.fps),
    interpolation: job.interpolate_fps === null ? "" : String(Math.round(job.interpolate_fps / job.fps)),
    codec: job.codec === model?.defaults.codec ? "" : job.codec,
    crf: job.crf === null || job.crf === model?.defaults.crf ? "" : String(job.crf),
    title: job.title ?? "",
    inputs: job.inputs.flatMap(({ role, file }, index) =>
      role === null || file === null ? [] : [{ role, name: String(index + 1), link: file }],
    ),
  };
}

const number = (text: string): number | undefined => (text === "" ? undefined : Number(text));

/** Leave out fields without a value. */
function given(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function sceneRequest(scene: DraftScene): object {
  return given({
    prompt: scene.prompt.trim(),
    duration: number(scene.seconds),
    transition: scene.transition === "cut" ? undefined : scene.transition,
    seed: number(scene.seed),
  });
}

function shotsRequest({ shots, scenes }: Draft): object {
  if (shots === "list") return { scenes: scenes.map(sceneRequest) };
  return shots === "enhanced" ? { enhance_prompt: true } : { shots };
}

export function fpsOf(draft: Draft, model: Model): number {
  const fps = Number(draft.fps);
  return fps > 0 ? fps : model.defaults.fps;
}

/** Return the seconds of the listed scenes; undefined if they share the length of the video. */
export function listedSeconds({ shots, scenes }: Draft): number | undefined {
  if (shots !== "list" || !scenes.some(({ seconds }) => seconds !== "")) return undefined;
  return scenes.reduce((sum, { seconds }) => sum + Number(seconds), 0);
}

/** Return the request. Its inputs are uploaded: those without an upload are left out. A request to plan has no id. */
export function requestOf(draft: Draft, model: Model, requestId?: string): GenerateRequest {
  const inputs = draft.inputs.flatMap(({ role, upload }) => (upload === undefined ? [] : [{ role, upload_id: upload.upload_id }]));
  const loras = draft.loras.map(({ name, weight }) => given({ name, weight: number(weight) }));
  return {
    model: draft.model,
    priority: draft.priority,
    ...shotsRequest(draft),
    ...given({
      request_id: requestId,
      prompt: draft.prompt.trim() || undefined,
      duration: listedSeconds(draft) === undefined ? number(draft.duration) : undefined,
      profile: draft.profile || undefined,
      steps: number(draft.steps),
      guidance: number(draft.guidance),
      seed: number(draft.seed),
      variants: draft.start === "repeated" ? undefined : number(draft.variants),
      chained: draft.isChained || undefined,
      loras: loras.length > 0 ? loras : undefined,
      upscaler: draft.upscaler || undefined,
      fps: number(draft.fps),
      interpolate_fps: draft.interpolation === "" ? undefined : fpsOf(draft, model) * Number(draft.interpolation),
      codec: draft.codec || undefined,
      crf: number(draft.crf),
      negative_prompt: draft.negativePrompt.trim() || undefined,
      style: draft.style || undefined,
      size: draft.size || undefined,
      title: draft.title.trim() || undefined,
      inputs: inputs.length > 0 ? inputs : undefined,
      start_after: draft.start === "later" ? utcTime(draft.startAfter) : undefined,
      start_timeout_seconds: draft.startTimeout === "" ? undefined : Number(draft.startTimeout) * MINUTE,
    }),
  } as GenerateRequest;
}

/** Return the schedule that submits the job of a draft again and again. */
export function scheduleOf(draft: Draft, model: Model): NewSchedule {
  return {
    cron: cronOf(draft.runTimes) ?? draft.runTimes.cron,
    zone: draft.zone.trim() || ownZone(),
    catch_up: draft.catchesUp,
    ...(draft.scheduleName.trim() === "" ? {} : { name: draft.scheduleName.trim() }),
    job: requestOf(draft, model),
  };
}
