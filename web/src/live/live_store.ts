/**
 * What live updates say, apart from React: a component reads the part of one job, and only it is drawn again.
 *
 * Messages are gathered for `GATHER_MS`, and of progress only the newest of each job is kept. All that changed is told in
 * one frame, so that many jobs with many updates cost one layout of the page a moment.
 */
import { useEffectEvent, useLayoutEffect, useSyncExternalStore } from "react";
import { type JobSummary, STATUSES } from "../api/types";
import type { LiveState } from "./connection";
import type { JobProgress } from "./messages";

const GATHER_MS = 200;

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
    if (STATUSES.every((status) => counts[status] === this.counts?.[status])) return;
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
    this.#timer ??= setTimeout(() => {
      // A hidden page has no frames.
      if (document.hidden) this.#tell();
      else requestAnimationFrame(this.#tell);
    }, GATHER_MS);
  }

  #tell = (): void => {
    const topics = [...this.#changed];
    this.#changed.clear();
    this.#timer = undefined;
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
/** A part of the newest progress of a job. Only a change of this part draws the component again. */
export const useProgressPart = <T extends string | number | null>(
  jobId: string,
  read: (progress: JobProgress | undefined) => T,
): T => useTopic(jobId, () => read(liveStore.progress(jobId)));
/** Call `draw` with the newest progress of a job after each drawing of the component, and as progress comes. */
export function useProgressDrawing(jobId: string, draw: (progress: JobProgress | undefined) => void): void {
  const drawNewest = useEffectEvent(() => draw(liveStore.progress(jobId)));
  useLayoutEffect(() => drawNewest());
  useLayoutEffect(() => liveStore.listen(jobId, () => drawNewest()), [jobId]);
}
/** The newest picture of a job that renders. */
export const useJobPreview = (jobId: string): Preview | undefined =>
  useTopic(`preview ${jobId}`, () => liveStore.preview(jobId));
