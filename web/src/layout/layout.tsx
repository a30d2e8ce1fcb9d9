/** The frame of every page: app bar, menu, banners, and the page itself. */
import { DarkModeIcon, LightModeIcon, MenuIcon, SearchIcon } from "../components/icons";
import AppBar from "@mui/material/AppBar";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Drawer from "@mui/material/Drawer";
import IconButton from "@mui/material/IconButton";
import List from "@mui/material/List";
import ListItemButton from "@mui/material/ListItemButton";
import ListItemIcon from "@mui/material/ListItemIcon";
import ListItemText from "@mui/material/ListItemText";
import Toolbar from "@mui/material/Toolbar";
import Typography from "@mui/material/Typography";
import useMediaQuery from "@mui/material/useMediaQuery";
import { useTheme } from "@mui/material/styles";
import { type ReactNode, Suspense, lazy, useDeferredValue, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { NavLink, Outlet, useLocation } from "react-router";
import { Skeletons } from "../components/skeletons";
import { useLiveState } from "../live/live_store";
import { settings } from "../session/settings";
import { Banners } from "./banners";
import { Notices } from "./notices";
import { PageErrors } from "./page_errors";
import { PAGES } from "./pages";
import { useShortcuts } from "./shortcuts";
import { useIsDark } from "./use_is_dark";

/** Loaded when it is opened: with its dialog and its field it is a tenth of the first load. */
const Palette = lazy(() => import("./palette"));

const MENU_WIDTH = 208;

/** Says that live updates come. A component of its own: the frame is not drawn again when they do. */
function LiveMark(): ReactNode {
  const { t } = useTranslation();
  if (useLiveState() !== "live") return null;
  return (
    <Typography variant="body2" color="success" noWrap sx={{ mr: 1, flexShrink: 0 }}>
      <span aria-hidden>● </span>
      {t("live.standing")}
    </Typography>
  );
}

export function Layout(): ReactNode {
  const { t } = useTranslation();
  const theme = useTheme();
  const isWide = useMediaQuery(theme.breakpoints.up("md"));
  const [isMenuOpen, setMenuOpen] = useState(false);
  const [isPaletteOpen, setPaletteOpen] = useState(false);
  const { pathname } = useLocation();
  const isDark = useIsDark();
  useShortcuts(() => setPaletteOpen(true));
  // The frame stands first, and the page is drawn after it: each is a short piece of work.
  const isFramed = useDeferredValue(true, false);
  const main = useRef<HTMLElement>(null);
  const shown = useRef(pathname);
  useEffect(() => {
    // What had the focus may be gone with the page before.
    if (shown.current !== pathname && document.activeElement === document.body) main.current?.focus({ preventScroll: true });
    shown.current = pathname;
  }, [pathname]);
  const title = PAGES.find((page) => (page.path === "/" ? pathname === "/" : pathname.startsWith(page.path)));

  const menu = (
    <Box component="nav" aria-label={t("layout.navigation")} sx={{ width: MENU_WIDTH, pt: 1 }}>
      <List>
        {PAGES.map(({ name, path, Icon }) => (
          <li key={name}>
            <ListItemButton
              component={NavLink}
              to={path}
              end={path === "/"}
              onClick={() => setMenuOpen(false)}
              sx={{ borderRadius: 2, mx: 1, "&.active": { bgcolor: "action.selected", fontWeight: 600 } }}
            >
              <ListItemIcon sx={{ minWidth: 38 }}>
                <Icon fontSize="small" />
              </ListItemIcon>
              <ListItemText primary={t(`pages.${name}`)} />
            </ListItemButton>
          </li>
        ))}
      </List>
    </Box>
  );

  return (
    <Box sx={{ display: "flex", minHeight: "100dvh", bgcolor: "background.default" }}>
      <Button
        href="#content"
        variant="contained"
        sx={{ position: "fixed", top: -80, left: 8, zIndex: 2000, "&:focus": { top: 8 } }}
      >
        {t("layout.skip")}
      </Button>
      <AppBar
        position="fixed"
        color="inherit"
        elevation={0}
        sx={{ zIndex: theme.zIndex.drawer + 1, borderBottom: 1, borderColor: "divider", bgcolor: "background.paper" }}
      >
        <Toolbar variant="dense" sx={{ gap: 1, minHeight: 52 }}>
          {isWide ? null : (
            <IconButton edge="start" aria-label={t("layout.menu")} onClick={() => setMenuOpen(true)}>
              <MenuIcon />
            </IconButton>
          )}
          <Typography component="span" sx={{ fontWeight: 700, minWidth: isWide ? MENU_WIDTH - 24 : 0 }}>
            {t("appName")}
          </Typography>
          <Typography variant="body1" component="span" noWrap sx={{ flexGrow: 1, visibility: { xs: "hidden", sm: "visible" } }} color="textSecondary">
            {isWide || title === undefined ? "" : t(`pages.${title.name}`)}
          </Typography>
          <LiveMark />
          <IconButton aria-label={t("layout.palette")} onClick={() => setPaletteOpen(true)}>
            <SearchIcon />
          </IconButton>
          <IconButton
            aria-label={isDark ? t("layout.toLight") : t("layout.toDark")}
            onClick={() => settings.getState().change({ theme: isDark ? "light" : "dark" })}
          >
            {isDark ? <LightModeIcon /> : <DarkModeIcon />}
          </IconButton>
        </Toolbar>
      </AppBar>
      {isWide ? (
        <Drawer variant="permanent" sx={{ width: MENU_WIDTH, "& .MuiDrawer-paper": { width: MENU_WIDTH, bgcolor: "background.paper" } }}>
          <Box sx={{ height: 52 }} />
          {menu}
        </Drawer>
      ) : (
        <Drawer open={isMenuOpen} onClose={() => setMenuOpen(false)}>
          <Box sx={{ height: 52 }} />
          {menu}
        </Drawer>
      )}
      <Box sx={{ flexGrow: 1, minWidth: 0, display: "flex", flexDirection: "column" }}>
        <Box sx={{ height: 52, flexShrink: 0 }} />
        <Banners />
        <Box component="main" ref={main} id="content" tabIndex={-1} sx={{ p: { xs: 2, md: 3 }, outline: "none", maxWidth: 1600, width: "100%", mx: "auto" }}>
          {isPaletteOpen ? (
            <PageErrors place={pathname}>
              <Suspense>
                <Palette onClose={() => setPaletteOpen(false)} />
              </Suspense>
            </PageErrors>
          ) : null}
          <PageErrors place={pathname}>
            <Suspense fallback={<Skeletons />}>
              {isFramed ? <Outlet /> : <Skeletons />}
            </Suspense>
          </PageErrors>
        </Box>
      </Box>
      <Notices />
    </Box>
  );
}
