import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { type Plugin, defineConfig } from "vite";

const project = readFileSync(new URL("../pyproject.toml", import.meta.url), "utf8");
const version = /^version = "(.+)"$/m.exec(project)?.[1] ?? "";

/** Address of the gateway that `npm run dev` uses. */
const GATEWAY = process.env["KINOLOG_URL"] ?? "http://127.0.0.1:8085";

/** What `main.tsx` imports. */
const CORE = /rolldown.runtime|node_modules.(react|react-dom|scheduler|react-router|i18next|react-i18next|zustand)\/|src.(i18n.(setup|en)|session.settings|api.address|routes)/;

/** The parts of the interface. */
const PARTS = /node_modules.(@mui|@emotion|stylis)/;

/** Those of them that the first page has no use for, though others share them. */
const LATER_PARTS = /node_modules.@mui.material.(esm.)?(Slider|Tab|Checkbox|FormControlLabel)/;

/** What draws charts. */
const CHARTS = /node_modules.(d3-|internmap)|src.(charts|components.status_colours)/;

/** Compresses scripts and styles once, when they are built, better than a server would for each request. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    writeBundle({ dir = "" }) {
      const folder = join(dir, "assets");
      for (const name of readdirSync(folder).filter((each) => /\.(js|css)$/.test(each))) {
        writeFileSync(join(folder, `${name}.br`), brotliCompressSync(readFileSync(join(folder, name))));
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), compressed()],
  define: { __VERSION__: JSON.stringify(version) },
  // Links in index.html are relative: the gateway states the folder in <base>, so a proxy's prefix needs no other build.
  base: "./",
  build: {
    outDir: "../services/gateway/kinolog_gateway/web_files",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    sourcemap: false,
    // What each page loads: a test sums it up.
    manifest: "manifest.json",
    target: "es2023",
    // What two pages or dialogs share is one file of a few, and so are what the first script needs, the parts of the
    // interface and the charts: dozens of small files compress worse, and a browser reads six at once. Each is evaluated
    // by itself.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "core", test: CORE, priority: 5 },
            { name: "parts", test: (id) => PARTS.test(id) && !LATER_PARTS.test(id), minShareCount: 2, priority: 4 },
            { name: "later", test: LATER_PARTS, minShareCount: 2, priority: 3 },
            { name: "base", test: (id) => !CHARTS.test(id), minShareCount: 2, priority: 2 },
            { name: "charts", test: CHARTS, priority: 1 },
          ],
        },
      },
    },
  },
  server: { proxy: { "/api": GATEWAY, "/ready": GATEWAY, "/ws": { target: GATEWAY, ws: true } } },
});
