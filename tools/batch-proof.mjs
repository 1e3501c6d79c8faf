/** `npm run batch-proof`: set-up, then test/bench/batch-proof/main.ts against what was built. */
import { runnerImport } from "vite";
import { setUp } from "./setup.mjs";

await setUp();
const { module } = await runnerImport("./test/bench/batch-proof/main.ts", {
  configFile: false,
  logLevel: "warn",
});
try {
  process.exit(await module.main(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`${error.stack ?? error}\n`);
  process.exit(2);
}
