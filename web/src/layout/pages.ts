/** The pages of the menu, in its order. The number of a page is its key. */
import { AutoAwesomeMotionIcon, EventRepeatIcon, FactCheckIcon, InsightsIcon, SpaceDashboardIcon, TuneIcon, VideoLibraryIcon } from "../components/icons";
import type SvgIcon from "@mui/material/SvgIcon";

export interface Page {
  name: "dashboard" | "jobs" | "generate" | "schedules" | "analytics" | "audit" | "settings";
  path: string;
  Icon: typeof SvgIcon;
}

export const PAGES: readonly Page[] = [
  { name: "dashboard", path: "/", Icon: SpaceDashboardIcon },
  { name: "jobs", path: "/jobs", Icon: VideoLibraryIcon },
  { name: "generate", path: "/generate", Icon: AutoAwesomeMotionIcon },
  { name: "schedules", path: "/schedules", Icon: EventRepeatIcon },
  { name: "analytics", path: "/analytics", Icon: InsightsIcon },
  { name: "audit", path: "/audit", Icon: FactCheckIcon },
  { name: "settings", path: "/settings", Icon: TuneIcon },
];
