import { StrictMode, startTransition } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { startTexts } from "./i18n/setup";
import { preload } from "./routes";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element with the id root");
preload(location.pathname);
await startTexts();
// As a transition it is drawn in slices, between which the browser answers the person.
startTransition(() =>
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  ),
);
