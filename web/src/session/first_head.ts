/** The head of the tree over all commits that this browser saw first. Later heads must continue it. */
const STORAGE_NAME = "kinolog.first_head";

export interface FirstHead {
  number: number;
  origin: string;
  size: number;
  root: string;
  key_id: string;
  /** When this browser saw it. */
  seen_at: string;
}

function isHead(value: unknown): value is FirstHead {
  if (typeof value !== "object" || value === null) return false;
  const { number, origin, size, root, key_id, seen_at } = value as Partial<Record<keyof FirstHead, unknown>>;
  const texts = [origin, root, key_id, seen_at];
  return [number, size].every(Number.isSafeInteger) && texts.every((text) => typeof text === "string");
}

/** Return the head; undefined if none was seen, or if what is stored is none. */
export function firstHead(): FirstHead | undefined {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(STORAGE_NAME) ?? "null");
    return isHead(stored) ? stored : undefined;
  } catch {
    return undefined;
  }
}

export function rememberHead(head: Omit<FirstHead, "seen_at">): FirstHead {
  const { number, origin, size, root, key_id } = head;
  const first = { number, origin, size, root, key_id, seen_at: new Date().toISOString() };
  localStorage.setItem(STORAGE_NAME, JSON.stringify(first));
  return first;
}

export function forgetHead(): void {
  localStorage.removeItem(STORAGE_NAME);
}
