/** `npm start`: set-up, then `expert-router up` in this very process, so that signals need no forwarding. */
import { setUp } from "./setup.mjs";

await setUp();
process.argv.splice(2, 0, "up");
await import("../apps/cli/bin/expert-router.mjs");
