/** `npm run check`: set-up, then types, lint, format and tidy. All four run, whatever the others say. */
import { run, setUp } from "./setup.mjs";

const steps = [
  ["types", "node_modules/typescript/bin/tsc", "-p", "tsconfig.spec.json"],
  ["lint", "node_modules/oxlint/bin/oxlint", "--type-aware", "--deny-warnings"],
  ["format", "node_modules/oxfmt/bin/oxfmt", "--check"],
  ["tidy", "tools/tidy/main.mjs"],
];

await setUp();
const failed = [];
for (const [name, ...command] of steps) {
  const startedAt = performance.now();
  const code = await run(process.execPath, command);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  process.stdout.write(`check    ${name}: ${code === 0 ? "ok" : "failed"} (${seconds} s)\n`);
  if (code !== 0) failed.push(name);
}
if (failed.length > 0) {
  process.stdout.write(`check    failed: ${failed.join(", ")}\n`);
  process.exitCode = 1;
}
