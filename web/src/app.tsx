/** The application: its providers and its pages. Pages are loaded when they are opened. */
import createCache from "@emotion/cache";
import { CacheProvider } from "@emotion/react";
import CssBaseline from "@mui/material/CssBaseline";
import { ThemeProvider, useColorScheme } from "@mui/material/styles";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, useEffect } from "react";
import { BrowserRouter, Route, Routes } from "react-router";
import { NO_ANSWER, RequestFailed } from "./api/problem";
import { NotFound } from "./layout/error_page";
import { Layout } from "./layout/layout";
import { LiveUpdates } from "./live/live_updates";
import { BASENAME, ROUTES } from "./routes";
import { settings, useSettings } from "./session/settings";
import { theme } from "./theme/theme";

const MOST_TRIES = 3;

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      // Only what may go better next time is tried again.
      retry: (failures, error) =>
        failures < MOST_TRIES && error instanceof RequestFailed && (error.status === NO_ANSWER || error.status >= 502),
    },
  },
});

/** The policy of the page admits styles with this number only. */
const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce;
const styles = createCache({ key: "css", ...(nonce ? { nonce } : {}) });

function ChosenTheme(): ReactNode {
  const choice = useSettings((state) => state.theme);
  const { setMode } = useColorScheme();
  useEffect(() => setMode(choice), [choice, setMode]);
  return null;
}

export function App(): ReactNode {
  return (
    <CacheProvider value={styles}>
      {/* `noSsr`: the colours are right in the first frame, and the page is not drawn a second time for them. */}
      <ThemeProvider theme={theme} storageManager={null} noSsr defaultMode={settings.getState().theme}>
        <CssBaseline enableColorScheme />
        <ChosenTheme />
        <QueryClientProvider client={queries}>
          <LiveUpdates>
            <BrowserRouter basename={BASENAME || "/"}>
              <Routes>
                <Route element={<Layout />}>
                  {ROUTES.map(({ path, Page }) => (
                    <Route key={path} path={path} element={<Page />} />
                  ))}
                  <Route path="*" element={<NotFound />} />
                </Route>
              </Routes>
            </BrowserRouter>
          </LiveUpdates>
        </QueryClientProvider>
      </ThemeProvider>
    </CacheProvider>
  );
}
