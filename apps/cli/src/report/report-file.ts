import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RouterManifest } from "@expert-router/classifier";
import type { TrainingSet } from "../training/training-set.js";
import { reportPage } from "./report-page.js";

export const reportFile = "report.html";

/** Writes the page into `dir`, whole or not at all. It is no part of the artifact: nothing verifies or needs it. */
export async function writeReport(dir: string, manifest: RouterManifest, set: TrainingSet): Promise<void> {
  const page = reportPage(manifest, set);
  await mkdir(dir, { recursive: true });
  const fresh = join(dir, `.${reportFile}.${process.pid}`);
  try {
    await writeFile(fresh, page);
    await rename(fresh, join(dir, reportFile));
  } finally {
    await rm(fresh, { force: true });
  }
}
