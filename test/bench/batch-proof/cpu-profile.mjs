/** Loaded by NODE_OPTIONS: writes a CPU profile of the process when it exits, as `--cpu-prof` does, which NODE_OPTIONS refuses. */
import { writeFileSync } from "node:fs";
import { Session } from "node:inspector";

const folder = process.env["CPU_PROFILE_DIR"];
const session = new Session();
session.connect();
session.post("Profiler.enable");
session.post("Profiler.start");
process.on("exit", () => {
  session.post("Profiler.stop", (error, result) => {
    if (error === null)
      writeFileSync(
        `${folder}/${process.argv[2]}-${process.env["EXPERT"] ?? ""}-${process.pid}.cpuprofile`,
        JSON.stringify(result.profile),
      );
  });
});
