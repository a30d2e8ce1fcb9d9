/** Colours and shapes of the page, light and dark. Text has a contrast of at least 4.5 on each background. */
import { type Theme, createTheme } from "@mui/material/styles";

export const theme: Theme = createTheme({
  cssVariables: { colorSchemeSelector: "data-theme" },
  colorSchemes: {
    light: {
      palette: {
        primary: { main: "#24598f" },
        secondary: { main: "#5f6368" },
        success: { main: "#1b6e3c" },
        warning: { main: "#8a5300" },
        error: { main: "#b3261e" },
        info: { main: "#24598f" },
        background: { default: "#f5f6f8", paper: "#ffffff" },
      },
    },
    dark: {
      palette: {
        primary: { main: "#8ab8ea" },
        secondary: { main: "#b0b4ba" },
        success: { main: "#7fd09b" },
        warning: { main: "#f0b95f" },
        error: { main: "#f5a199" },
        info: { main: "#8ab8ea" },
        background: { default: "#111417", paper: "#1a1e23" },
      },
    },
  },
  shape: { borderRadius: 8 },
  typography: {
    fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif',
    h1: { fontSize: "1.5rem", fontWeight: 600, lineHeight: 1.3 },
    h2: { fontSize: "1rem", fontWeight: 600, lineHeight: 1.4 },
    h3: { fontSize: "0.9rem", fontWeight: 600 },
    button: { textTransform: "none", fontWeight: 600 },
  },
  components: {
    MuiCssBaseline: {
      styleOverrides: {
        "@media (prefers-reduced-motion: reduce)": {
          "*, *::before, *::after": {
            animationDuration: "0.01ms !important",
            animationIterationCount: "1 !important",
            transitionDuration: "0.01ms !important",
          },
        },
      },
    },
    MuiPaper: { defaultProps: { elevation: 0 } },
    MuiButton: { defaultProps: { disableElevation: true } },
    MuiButtonBase: {
      defaultProps: { disableRipple: true },
      // The ripple would show where the focus of the keyboard is.
      styleOverrides: { root: { "&.Mui-focusVisible": { outline: "2px solid currentColor", outlineOffset: -2 } } },
    },
    MuiAlert: {
      styleOverrides: {
        // The tint alone is hardly seen on a dark page.
        root: ({ theme: own }) => own.applyStyles("dark", { border: "1px solid var(--mui-palette-divider)" }),
        action: { whiteSpace: "nowrap" },
      },
    },
    // In the dark, what lies above the page has the colours of its panels, with a frame.
    MuiDialog: { styleOverrides: { paper: { backgroundImage: "none", border: "1px solid var(--mui-palette-divider)" } } },
    MuiDrawer: { styleOverrides: { paper: { backgroundImage: "none" } } },
    MuiTableCell: { styleOverrides: { root: { borderBottomColor: "var(--mui-palette-divider)" }, head: { fontWeight: 600 } } },
  },
});
