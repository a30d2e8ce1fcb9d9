/** Whether the page is dark: as the person chose, or as the system is. */
import useMediaQuery from "@mui/material/useMediaQuery";
import { useSettings } from "../session/settings";

export function useIsDark(): boolean {
  const choice = useSettings((state) => state.theme);
  const isSystemDark = useMediaQuery("(prefers-color-scheme: dark)");
  return choice === "system" ? isSystemDark : choice === "dark";
}
