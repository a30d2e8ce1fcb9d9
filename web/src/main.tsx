import { StrictMode, startTransition } from "react";
import { createRoot } from "react-dom/client";
import { startTexts } from "./i18n/setup";
import { preload } from "./routes";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element with the id root");
// The page is there before it is drawn: what stands for a page that is on its way stays for a while once it is drawn.
// Each part is evaluated by itself, and the browser answers the person in between.
const [{ App, queries }, startReading] = await Promise.all([import("./app"), preload(location.pathname), startTexts()]);
startReading(queries);
// As a transition it is drawn in slices, between which the browser answers the person.
startTransition(() =>
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  ),
);
