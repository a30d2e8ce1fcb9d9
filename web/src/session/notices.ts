/** Short messages at the edge of the page. */
import { create } from "zustand";

export type NoticeKind = "success" | "info" | "warning" | "error";

/** A line below the text of a message: words of the page, then words of the server in English. */
export interface NoticeLine {
  text: string;
  detail: string;
}

export interface Notice {
  id: number;
  kind: NoticeKind;
  text: string;
  /** What the server says after the text, in English. */
  detail?: string;
  /** One line for each part, below the text. */
  lines?: readonly NoticeLine[];
  /** Where the message leads, within the page. */
  link?: string;
}

interface Notices {
  notices: readonly Notice[];
  show: (kind: NoticeKind, text: string, more?: Pick<Notice, "detail" | "lines" | "link">) => void;
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
