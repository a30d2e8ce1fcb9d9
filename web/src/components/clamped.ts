/** Style of a text of which at most `lines` lines are shown. */
export function clamped(lines: number): Record<string, string | number> {
  return { display: "-webkit-box", WebkitLineClamp: lines, WebkitBoxOrient: "vertical", overflow: "hidden" };
}
