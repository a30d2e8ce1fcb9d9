/**
 * The page of the list that is shown. The browser keeps it with its history, so that it goes back to this page.
 *
 * A page is reached by the cursors of the pages before it, from the first one or from the last one. The last one is
 * found by the number of jobs before it.
 */
export interface PagePlace {
  /** Jobs before the page that the cursors start from. */
  skipped: number;
  /** The cursors of the pages after that one, up to this one. */
  cursors: readonly string[];
}

export const FIRST: PagePlace = { skipped: 0, cursors: [] };

/** Return the place in the state of a history entry. Another page of kinolog may have written it. */
export function placeOf(state: unknown): PagePlace {
  return { ...FIRST, ...(state as { place?: PagePlace } | null)?.place };
}

/** Return what selects a page in a request. */
export function placeQuery({ skipped, cursors }: PagePlace): { cursor?: string; offset?: number } {
  const cursor = cursors.at(-1);
  if (cursor !== undefined) return { cursor };
  return skipped > 0 ? { offset: skipped } : {};
}

export function lastPlace(total: number, pageSize: number): PagePlace {
  return { skipped: Math.max(0, Math.ceil(total / pageSize) - 1) * pageSize, cursors: [] };
}

export function nextPlace({ skipped, cursors }: PagePlace, cursor: string): PagePlace {
  return { skipped, cursors: [...cursors, cursor] };
}

/** Return the place of the page before; undefined on the first one. */
export function previousPlace({ skipped, cursors }: PagePlace, pageSize: number): PagePlace | undefined {
  if (cursors.length > 0) return { skipped, cursors: cursors.slice(0, -1) };
  return skipped > 0 ? { skipped: Math.max(0, skipped - pageSize), cursors } : undefined;
}

/** Return the number of a page, from 1. */
export function pageNumber({ skipped, cursors }: PagePlace, pageSize: number): number {
  return Math.ceil(skipped / pageSize) + cursors.length + 1;
}
