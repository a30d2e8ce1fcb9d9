/** Which tabs of the page a person sees. Each visible tab holds a lock of this name, which all tabs of the browser can list. */
const NAME = "kinolog.visible";
let release: (() => void) | undefined;

function follow(): void {
  if (document.hidden) {
    release?.();
    release = undefined;
  } else if (release === undefined) {
    const isVisible = new Promise<void>((resolve) => (release = resolve));
    void navigator.locks.request(NAME, { mode: "shared" }, () => isVisible);
  }
}

// Only pages of a secure address have locks, and only they may notify.
if ("locks" in navigator) {
  follow();
  document.addEventListener("visibilitychange", follow);
}

/** Return whether the person sees this tab or another one of the page. */
export async function isAnyVisible(): Promise<boolean> {
  if (!document.hidden) return true;
  const { held = [] } = "locks" in navigator ? await navigator.locks.query() : {};
  return held.some(({ name }) => name === NAME);
}
