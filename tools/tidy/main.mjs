/** Tells where the house is untidy; exit code 1 if it is anywhere. */
import { fileURLToPath } from "node:url";
import { rules } from "./rules.mjs";
import { readWorkspace } from "./workspace.mjs";

const workspace = readWorkspace(fileURLToPath(new URL("../..", import.meta.url)));
const complaints = Object.values(rules).flatMap((rule) => rule(workspace));
for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
process.exitCode = complaints.length === 0 ? 0 : 1;
