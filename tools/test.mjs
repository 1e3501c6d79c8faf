/** `npm test`: set-up, every test, and a last line that counts them. Arguments go to vitest. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, say, setUp } from "./setup.mjs";
import { countTests, lastLine } from "./test-count.mjs";

await setUp();
await provideRedis();
const folder = mkdtempSync(join(tmpdir(), "expert-router-tests-"));
const report = join(folder, "report.json");
const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
const code = await run(process.execPath, [
  "node_modules/vitest/vitest.mjs",
  "run",
  ...reporters,
  ...process.argv.slice(2),
]);
const count = countTests(readReport(), code);
rmSync(folder, { recursive: true, force: true });
process.stdout.write(`${lastLine(count)}\n`);
process.exitCode = count.failed === 0 && code === 0 ? 0 : 1;

async function provideRedis() {
  const { provideRedisBinary } = await import("../libs/redis-server/dist/index.js");
  try {
    await provideRedisBinary(say);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

/** vitest writes none when it crashes. */
function readReport() {
  try {
    return JSON.parse(readFileSync(report, "utf8"));
  } catch {
    return undefined;
  }
}
