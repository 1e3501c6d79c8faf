import type { CommandSettings, EngineConfig } from "@expert-router/config";
import type { ExpertStatus } from "@expert-router/contracts";
import type { CheckResult } from "./check-result.js";

const timeoutMs = 2_000;

/** What a running ingress says about its experts; undefined if none runs. */
export async function readExperts(
  url: string,
  apiKey: string | undefined,
): Promise<ExpertStatus[] | undefined> {
  const headers: Record<string, string> = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  try {
    const answer = await fetch(new URL("/v1/experts", url), {
      headers,
      signal: AbortSignal.timeout(timeoutMs),
    });
    return answer.ok ? ((await answer.json()) as { data: ExpertStatus[] }).data : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the artifact can be loaded and fits the experts. */
export async function checkRouter({ system }: CommandSettings): Promise<CheckResult> {
  const name = "router";
  if (system.router === undefined)
    return { name, status: "ok", detail: "none is needed with a single expert" };
  const { artifact, threshold } = system.router;
  try {
    const { ExpertRouter } = await import("@expert-router/embedder");
    const router = await ExpertRouter.load({
      artifact,
      threshold,
      experts: system.experts,
      fallback: system.fallback,
    });
    const { version } = router;
    await router.close();
    return { name, status: "ok", detail: `${artifact}: ${version}` };
  } catch (error) {
    return { name, status: "fail", detail: `${artifact}: ${(error as Error).message}` };
  }
}

/** Whether an engine takes connections. A simulator of this machine runs only while the system is up. */
export async function checkEngine(
  expert: string,
  engine: EngineConfig,
  ingressRuns: boolean,
): Promise<CheckResult> {
  const name = `engine of ${expert}`;
  const answers = await fetch(engine.url, { signal: AbortSignal.timeout(timeoutMs) }).then(
    async (answer) => (await answer.body?.cancel(), true),
    () => false,
  );
  if (answers) return { name, status: "ok", detail: `${engine.kind} at ${engine.url}` };
  if (engine.kind === "sim" && !ingressRuns)
    return { name, status: "skip", detail: "'expert-router up' starts it" };
  const detail = `${engine.kind} at ${engine.url} does not answer`;
  // While the system is up, its workers know best where their engines are (ENGINE_URL).
  return { name, status: ingressRuns ? "warn" : "fail", detail };
}

/** Whether each expert has a worker whose engine works. */
export function checkWorkers(experts: readonly ExpertStatus[] | undefined): CheckResult[] {
  if (experts === undefined)
    return [{ name: "workers", status: "skip", detail: "no ingress runs that could tell" }];
  return experts.map(({ id, workers, health }) => {
    const status = health === "healthy" ? "ok" : health === "degraded" ? "warn" : "fail";
    return { name: `workers of ${id}`, status, detail: `${workers} alive, ${health}` };
  });
}
