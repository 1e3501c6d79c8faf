#!/usr/bin/env node
import { existsSync } from "node:fs";
import * as nodeModule from "node:module";
import { fileURLToPath } from "node:url";
import { bundleFolder, isBundleFresh } from "./bundle-stamp.mjs";

const root = new URL("../../../", import.meta.url);
const compiled = new URL("apps/cli/dist/main.js", root);
// Node 22 and later keep compiled code between runs.
nodeModule.enableCompileCache?.();

if (existsSync(compiled)) {
  // After a bare `tsc -b` the bundle is out of date, and the compiled code runs as it is.
  const program = isBundleFresh(fileURLToPath(root)) ? new URL(`${bundleFolder}/main.js`, root) : compiled;
  await import(program.href);
} else {
  process.stderr.write(
    "expert-router is not built yet: run `npm start`, or `npm run build`, in the repository's root.\n",
  );
  process.exitCode = 1;
}
