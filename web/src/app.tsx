/** The application: its providers and its pages. Pages are loaded when they are opened. */
import createCache from "@emotion/cache";
import { CacheProvider } from "@emotion/react";
import CssBaseline from "@mui/material/CssBaseline";
import { ThemeProvider, useColorScheme } from "@mui/material/styles";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, lazy, useEffect } from "react";
import { RouterProvider, createBrowserRouter } from "react-router";
import { ROOT } from "./api/address";
import { NO_ANSWER, RequestFailed } from "./api/problem";
import { NotFound, PageBroken } from "./layout/error_page";
import { Layout } from "./layout/layout";
import { LiveUpdates } from "./live/live_updates";
import { useSettings } from "./session/settings";
import { theme } from "./theme/theme";

const Dashboard = lazy(() => import("./pages/dashboard/dashboard"));
const Jobs = lazy(() => import("./pages/jobs/jobs"));
const JobPage = lazy(() => import("./pages/job/job_page"));
const Generate = lazy(() => import("./pages/generate/generate"));
const Analytics = lazy(() => import("./pages/analytics/analytics"));
const Settings = lazy(() => import("./pages/settings/settings"));

const MOST_TRIES = 3;

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      // Only what may go better next time is tried again.
      retry: (failures, error) =>
        failures < MOST_TRIES && error instanceof RequestFailed && (error.status === NO_ANSWER || error.status >= 502),
    },
  },
});

const router = createBrowserRouter(
  [
    {
      element: <Layout />,
      children: [
        {
          errorElement: <PageBroken />,
          children: [
            { path: "/", element: <Dashboard /> },
            { path: "/jobs", element: <Jobs /> },
            { path: "/jobs/:jobId", element: <JobPage /> },
            { path: "/generate", element: <Generate /> },
            { path: "/analytics", element: <Analytics /> },
            { path: "/settings", element: <Settings /> },
            { path: "*", element: <NotFound /> },
          ],
        },
      ],
    },
  ],
  { basename: ROOT.replace(/\/$/, "") || "/" },
);

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
      <ThemeProvider theme={theme} storageManager={null}>
        <CssBaseline enableColorScheme />
        <ChosenTheme />
        <QueryClientProvider client={queries}>
          <LiveUpdates>
            <RouterProvider router={router} />
          </LiveUpdates>
        </QueryClientProvider>
      </ThemeProvider>
    </CacheProvider>
  );
}
