/** What the person chose, kept in the browser's storage and shared by its tabs. */
import { useStore } from "zustand";
import { createJSONStorage, persist } from "zustand/middleware";
import { createStore } from "zustand/vanilla";

export const STORAGE_NAME = "kinolog.settings";
export const LANGUAGES = ["en", "de"] as const;
export type Language = (typeof LANGUAGES)[number];
export type ThemeChoice = "system" | "light" | "dark";
export type JobsView = "table" | "wall";

export interface Choices {
  theme: ThemeChoice;
  /** Empty for the browser's language. */
  language: Language | "";
  /** Whether charts and workers are read again by themselves. */
  isRefreshed: boolean;
  /** How often they are, and everything else while live updates are off, in seconds. */
  refreshSeconds: number;
  /** Whether the browser shows a notification when a job ends. */
  notifications: boolean;
  jobsView: JobsView;
  pageSize: number;
  /** The API key; empty for none. */
  apiKey: string;
}

export const DEFAULTS: Choices = {
  theme: "system",
  language: "",
  isRefreshed: true,
  refreshSeconds: 10,
  notifications: false,
  jobsView: "table",
  pageSize: 25,
  apiKey: "",
};

interface Settings extends Choices {
  change: (choices: Partial<Choices>) => void;
}

export const settings = createStore<Settings>()(
  persist((set) => ({ ...DEFAULTS, change: (choices) => set(choices) }), {
    name: STORAGE_NAME,
    storage: createJSONStorage(() => localStorage),
    version: 1,
  }),
);

// Other tabs follow a change.
addEventListener("storage", (event) => {
  if (event.key === STORAGE_NAME) void settings.persist.rehydrate();
});

export function useSettings<T>(select: (state: Settings) => T): T {
  return useStore(settings, select);
}
