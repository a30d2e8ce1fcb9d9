/**
 * Scores of Lighthouse for each page: `npm run lighthouse -- http://127.0.0.1:8085 [JOB_ID] [RUNS]`, on a computer and on a phone.
 *
 * It prints a table, and below it the audits that cost a page points. With several RUNS, each page has the run of the
 * median performance. Lighthouse is fetched by npx when it is run: it is larger than everything that the page is built
 * with. Set CHROME_PATH where the browser is not found. The command fails if a score is below 95.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { getuid } from "node:process";
import { promisify } from "node:util";

const LIGHTHOUSE = "lighthouse@13.5.0";
const LEAST = 95;
const MOST_BYTES = 64 * 2 ** 20;
const CHROMIUM = "/usr/bin/chromium";
const DEVICES = ["desktop", "mobile"];
const CATEGORIES = ["performance", "accessibility"];
/** What is shown of each run, each with the name of its audit. */
const SHOWN = {
  "first paint": "first-contentful-paint",
  "largest paint": "largest-contentful-paint",
  blocked: "total-blocking-time",
  shift: "cumulative-layout-shift",
  bytes: "total-byte-weight",
};

const [gateway = "http://127.0.0.1:8085", jobId, runs = "1"] = process.argv.slice(2);
const pages = ["/", "/jobs", ...(jobId ? [`/jobs/${jobId}`] : []), "/generate", "/schedules", "/analytics", "/audit", "/settings"];
const flags = ["--headless=new", ...(getuid?.() === 0 ? ["--no-sandbox"] : [])];
const environment = existsSync(CHROMIUM) ? { CHROME_PATH: CHROMIUM, ...process.env } : process.env;

function scoreOf(report, category) {
  return Math.round(100 * report.categories[category].score);
}

async function measured(device, page) {
  const options = ["--quiet", "--output=json", `--only-categories=${CATEGORIES.join(",")}`, `--chrome-flags=${flags.join(" ")}`];
  if (device === "desktop") options.push("--preset=desktop");
  const reports = [];
  for (let run = 0; run < Number(runs); run++) {
    const { stdout } = await promisify(execFile)("npx", ["--yes", LIGHTHOUSE, gateway + page, ...options], { env: environment, maxBuffer: MOST_BYTES });
    reports.push(JSON.parse(stdout));
  }
  reports.sort((one, other) => scoreOf(one, "performance") - scoreOf(other, "performance"));
  return reports[Math.floor(reports.length / 2)];
}

/** Return the audits that took points of a category, each with what it found. */
function faultsOf(report) {
  const weighed = CATEGORIES.flatMap((category) => report.categories[category].auditRefs.filter(({ weight }) => weight > 0).map(({ id }) => id));
  return weighed
    .map((id) => report.audits[id])
    .filter(({ score }) => score !== null && score < 0.9)
    .map(({ title, displayValue, score }) => `${title}${displayValue ? `, ${displayValue}` : ""} (${Math.round(100 * score)})`);
}

const rows = [];
const faults = [];
for (const device of DEVICES) {
  for (const page of pages) {
    const report = await measured(device, page);
    const facts = Object.entries(SHOWN).map(([name, audit]) => [name, report.audits[audit].displayValue.replaceAll("\u00a0", " ")]);
    rows.push({ device, page, ...Object.fromEntries(CATEGORIES.map((each) => [each, scoreOf(report, each)])), ...Object.fromEntries(facts) });
    faults.push(...faultsOf(report).map((fault) => `${device} ${page}: ${fault}`));
  }
}
console.table(rows);
for (const fault of faults) console.log(fault);
process.exit(rows.every((row) => CATEGORIES.every((category) => row[category] >= LEAST)) ? 0 : 1);
