import { runEngineSim, type EngineSim, type EngineSimOptions } from "@expert-router/engine-sim";

/** A port that belongs to somebody else, or that only root may open. */
const unavailable = ["EADDRINUSE", "EACCES"];

/** Starts a simulator on its port or, where `anyPortIfTaken`, on a free one if it cannot have that. */
export async function startSimulator(options: EngineSimOptions, anyPortIfTaken: boolean): Promise<EngineSim> {
  try {
    return await runEngineSim(options);
  } catch (error) {
    if (!anyPortIfTaken || !isUnavailablePort(error)) throw error;
    return runEngineSim({ ...options, port: 0 });
  }
}

/** Whether a server could not start because of its port, which may be free a moment later. */
export function isUnavailablePort(error: unknown): boolean {
  return unavailable.includes((error as NodeJS.ErrnoException).code ?? "");
}
