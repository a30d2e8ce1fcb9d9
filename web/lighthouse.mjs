/**
 * Scores of Lighthouse for each page: `npm run lighthouse -- http://127.0.0.1:8085 [JOB_ID]`, on a computer and on a phone.
 *
 * Lighthouse is fetched by npx when it is run: it is larger than everything that the page is built with. Set CHROME_PATH
 * where the browser is not found. The command fails if a score is below 95.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { getuid } from "node:process";
import { promisify } from "node:util";

const LIGHTHOUSE = "lighthouse@13.5.0";
const LEAST = 0.95;
const MOST_BYTES = 64 * 2 ** 20;
const CHROMIUM = "/usr/bin/chromium";
const SHOWN = {
  "first-contentful-paint": "paint",
  "largest-contentful-paint": "largest",
  "total-blocking-time": "blocked",
  "cumulative-layout-shift": "shift",
  "total-byte-weight": "bytes",
};

const [gateway = "http://127.0.0.1:8085", jobId] = process.argv.slice(2);
const pages = ["/", "/jobs", ...(jobId === undefined ? [] : [`/jobs/${jobId}`]), "/generate", "/analytics", "/settings"];
const flags = ["--headless=new", ...(getuid?.() === 0 ? ["--no-sandbox"] : [])];
const environment = existsSync(CHROMIUM) ? { CHROME_PATH: CHROMIUM, ...process.env } : process.env;
let isGood = true;

for (const device of ["desktop", "mobile"]) {
  for (const page of pages) {
    const options = ["--quiet", "--output=json", "--only-categories=performance,accessibility", `--chrome-flags=${flags.join(" ")}`];
    if (device === "desktop") options.push("--preset=desktop");
    const run = await promisify(execFile)("npx", ["--yes", LIGHTHOUSE, gateway + page, ...options], { env: environment, maxBuffer: MOST_BYTES });
    const { categories, audits } = JSON.parse(run.stdout);
    const scores = ["performance", "accessibility"].map((name) => categories[name].score);
    isGood &&= scores.every((score) => score >= LEAST);
    const facts = Object.entries(SHOWN).map(([audit, name]) => `${name} ${audits[audit].displayValue}`);
    console.log([device, page, ...scores.map((score) => Math.round(100 * score)), ...facts].join("  "));
    for (const audit of Object.values(audits)) {
      if (categories.accessibility.auditRefs.some(({ id, weight }) => id === audit.id && weight > 0) && audit.score === 0) console.log(`  ${audit.title}`);
    }
  }
}
process.exit(isGood ? 0 : 1);
