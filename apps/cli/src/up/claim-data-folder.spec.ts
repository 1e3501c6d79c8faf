import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { claimDataFolder } from "./claim-data-folder.js";

describe("claimDataFolder", () => {
  it("tells who runs on the folder, and what to set for a second system", () => {
    const folder = mkdtempSync(join(tmpdir(), "expert-router-claim-"));
    const lock = claimDataFolder(folder);
    expect(() => claimDataFolder(folder)).toThrow(
      `already running here (pid ${process.pid}); set EXPERT_ROUTER_DATA_DIR and PORT for another one`,
    );
    lock.release();
    claimDataFolder(folder).release();
    rmSync(folder, { recursive: true });
  });
});
