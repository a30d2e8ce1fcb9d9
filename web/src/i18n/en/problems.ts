/** Sentences of the page for codes of the server. English needs none: the server says more in English. */
export const problems: Record<string, string> = {};
export const problemsWithDetail: Record<string, string> = {};
