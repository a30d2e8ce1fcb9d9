/** The time since a moment, as text. It stays true while nothing else of the page changes. */
import { type ReactNode, useSyncExternalStore } from "react";
import { useFormats } from "../text/use_format";

const TICK_MS = 10_000;

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** Call `listener` every `TICK_MS`. One timer serves all. */
function listen(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => listeners.forEach((each) => each()), TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

export function Ago({ time }: { time: string | null | undefined }): ReactNode {
  const formats = useFormats();
  return useSyncExternalStore(listen, () => formats.ago(time));
}
