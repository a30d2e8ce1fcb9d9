/** Short messages at the edge of the page. */
import { create } from "zustand";

export type NoticeKind = "success" | "info" | "warning" | "error";

export interface Notice {
  id: number;
  kind: NoticeKind;
  text: string;
  /** Whether the text is a sentence of the server, which speaks English alone. */
  isEnglish?: boolean;
  /** One line for each part, below the text. */
  lines?: readonly string[];
  /** Where the message leads, within the page. */
  link?: string;
}

interface Notices {
  notices: readonly Notice[];
  show: (kind: NoticeKind, text: string, more?: Pick<Notice, "isEnglish" | "lines" | "link">) => void;
  dismiss: (id: number) => void;
}

/** Messages that are shown at a time. An older one makes room. */
const MOST = 3;
let lastId = 0;

export const useNotices = create<Notices>((set) => ({
  notices: [],
  show: (kind, text, more) =>
    set((state) => ({ notices: [...state.notices, { id: ++lastId, kind, text, ...more }].slice(-MOST) })),
  dismiss: (id) => set((state) => ({ notices: state.notices.filter((notice) => notice.id !== id) })),
}));
