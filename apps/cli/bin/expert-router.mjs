#!/usr/bin/env node
import { existsSync } from "node:fs";
import * as nodeModule from "node:module";

const main = new URL("../dist/main.js", import.meta.url);
// Node 22 and later keep compiled code between runs.
nodeModule.enableCompileCache?.();

if (existsSync(main)) {
  await import(main.href);
} else {
  process.stderr.write(
    "expert-router is not built yet: run `npm start`, or `npm run build`, in the repository's root.\n",
  );
  process.exitCode = 1;
}
