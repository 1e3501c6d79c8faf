import { FolderInUseError, lockFolder, type FolderLock } from "@expert-router/redis-server";
import { CommandFailure } from "../command-failure.js";

/**
 * One `up` at a time for a data folder: it holds one Redis, one set of logs and one ingress's files.
 * @throws CommandFailure while another one runs on it.
 */
export function claimDataFolder(folder: string): FolderLock {
  try {
    return lockFolder(folder, "up");
  } catch (error) {
    if (!(error instanceof FolderInUseError)) throw error;
    throw new CommandFailure(
      `already running here (pid ${error.ownerPid}); set EXPERT_ROUTER_DATA_DIR and PORT for another one`,
    );
  }
}
