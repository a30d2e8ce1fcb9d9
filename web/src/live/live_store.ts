/**
 * What live updates say, apart from React: a component reads the part of one job, and only it is drawn again.
 *
 * Messages are gathered for `GATHER_MS`, and of progress only the newest of each job is kept, so that many jobs with many
 * updates cost one change of the store a moment.
 */
import { useSyncExternalStore } from "react";
import type { JobSummary } from "../api/types";
import type { LiveState } from "./connection";
import type { JobProgress } from "./messages";

const GATHER_MS = 200;
/** Parts of the page that are drawn again in one frame at most: fifty at once would cost several frames. */
const TOPICS_PER_FRAME = 4;
const FRAME_MS = 16;

export interface Preview {
  /** A data URL. */
  image: string;
  scene: number;
  step: number;
}

type Listener = () => void;

class LiveStore {
  state: LiveState = "connecting";
  counts: JobSummary | undefined;
  #progress = new Map<string, JobProgress>();
  #previews = new Map<string, Preview>();
  #listeners = new Map<string, Set<Listener>>();
  #changed = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  progress = (jobId: string): JobProgress | undefined => this.#progress.get(jobId);
  preview = (jobId: string): Preview | undefined => this.#previews.get(jobId);

  setState(state: LiveState): void {
    if (state === this.state) return;
    this.state = state;
    this.#notify("state");
  }

  setCounts(counts: JobSummary): void {
    this.counts = counts;
    this.#later("counts");
  }

  setProgress(jobId: string, progress: JobProgress): void {
    this.#progress.set(jobId, progress);
    this.#later(jobId);
  }

  setPreview(jobId: string, preview: Preview): void {
    this.#previews.set(jobId, preview);
    this.#later(`preview ${jobId}`);
  }

  /** Forget what was told of a job that has ended: its own page and the lists have it. */
  forget(jobId: string): void {
    this.#progress.delete(jobId);
    this.#previews.delete(jobId);
    this.#later(jobId);
    this.#later(`preview ${jobId}`);
  }

  /** Forget all of it: another key may not see what this one saw. */
  clear(): void {
    this.counts = undefined;
    this.#progress.clear();
    this.#previews.clear();
    for (const topic of this.#listeners.keys()) this.#later(topic);
  }

  listen(topic: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(topic);
    };
  }

  #later(topic: string): void {
    this.#changed.add(topic);
    this.#timer ??= setTimeout(this.#tell, GATHER_MS);
  }

  /** Tell the listeners of some topics, and of the others in the frames after this one. */
  #tell = (): void => {
    const topics = [...this.#changed].slice(0, document.hidden ? undefined : TOPICS_PER_FRAME);
    for (const topic of topics) this.#changed.delete(topic);
    this.#timer = this.#changed.size > 0 ? setTimeout(this.#tell, FRAME_MS) : undefined;
    for (const topic of topics) this.#notify(topic);
  };

  #notify(topic: string): void {
    for (const listener of this.#listeners.get(topic) ?? []) listener();
  }
}

export const liveStore = new LiveStore();

function useTopic<T>(topic: string, read: () => T): T {
  return useSyncExternalStore((listener) => liveStore.listen(topic, listener), read);
}

/** The state of the connection. */
export const useLiveState = (): LiveState => useTopic("state", () => liveStore.state);
/** Jobs by status; undefined before they are known. */
export const useLiveCounts = (): JobSummary | undefined => useTopic("counts", () => liveStore.counts);
/** The newest progress of a job that has not ended. */
export const useJobProgress = (jobId: string): JobProgress | undefined =>
  useTopic(jobId, () => liveStore.progress(jobId));
/** The newest picture of a job that renders. */
export const useJobPreview = (jobId: string): Preview | undefined =>
  useTopic(`preview ${jobId}`, () => liveStore.preview(jobId));
