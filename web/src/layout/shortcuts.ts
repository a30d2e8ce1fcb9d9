/** Keys that work on every page, but not while a person types. */
import { useEffect, useEffectEvent } from "react";
import { useNavigate } from "react-router";
import { PAGES } from "./pages";

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

export function useShortcuts(openPalette: () => void): void {
  const navigate = useNavigate();
  const onKey = useEffectEvent((event: KeyboardEvent) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const page = PAGES[Number(event.key) - 1];
    if (page !== undefined) void navigate(page.path);
    else if (event.key === "/") {
      event.preventDefault();
      void navigate("/jobs?search");
    }
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent): void => onKey(event);
    addEventListener("keydown", listener);
    return () => removeEventListener("keydown", listener);
  }, []);
}
