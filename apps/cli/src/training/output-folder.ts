import { readdir } from "node:fs/promises";
import { manifestFile, RouterError } from "@expert-router/classifier";

/**
 * Refuses to put an artifact in the place of anything but an artifact, for what is there is removed.
 * @throws RouterError `artifact_invalid`
 */
export async function assertReplaceable(dir: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(dir);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return;
    throw refused(code === "ENOTDIR" ? `${dir}: is a file` : `${dir}: ${(cause as Error).message}`, cause);
  }
  if (names.length > 0 && !names.includes(manifestFile))
    throw refused(
      `${dir}: holds something else than a router artifact, which would be lost; name another folder`,
    );
}

function refused(message: string, cause?: unknown): RouterError {
  return new RouterError("artifact_invalid", message, { cause });
}
