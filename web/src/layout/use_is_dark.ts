/** Whether the page is dark: as the person chose, or as the system is. */
import { useColorScheme } from "@mui/material/styles";

export function useIsDark(): boolean {
  const { mode, systemMode } = useColorScheme();
  return (mode === "system" ? systemMode : mode) === "dark";
}
