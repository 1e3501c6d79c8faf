import type { Drift, RouterStatus } from "@expert-router/contracts";
import type { CheckResult } from "./check-result.js";

const timeoutMs = 2_000;
const nobodyTells = "no ingress runs that could tell";

/** Above it many prompts are in words that the router never saw. */
const manyUnknown = 0.2;

/** What a running ingress says about its routers; undefined if none runs. */
export async function readRouterStatus(
  url: string,
  apiKey: string | undefined,
): Promise<RouterStatus | undefined> {
  const headers: Record<string, string> = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = await fetch(new URL("/v1/router", url), { headers, signal });
    return answer.ok ? ((await answer.json()) as RouterStatus) : undefined;
  } catch {
    return undefined;
  }
}

/** Which version decides, and whether the ingress refused another one. */
export function checkDeployment(status: RouterStatus | undefined): CheckResult {
  const name = "router deployment";
  if (status === undefined) return { name, status: "skip", detail: nobodyTells };
  const { active, candidate, percent, shadow, refusals, overridden } = status;
  if (refusals.length > 0) {
    const what = refusals.map(({ role, code }) => `the ${role} artifact (${code})`).join(" and ");
    const detail = `the ingress refuses ${what} and stays with ${active.version}; 'expert-router router status' says why`;
    return { name, status: "warn", detail };
  }
  const parts = [
    `${active.version ?? "no artifact"} decides${overridden ? ", deployed over router.artifact" : ""}`,
    ...(candidate === null
      ? []
      : [`candidate ${candidate.version}: ${percent} %${shadow ? ", shadow" : ""}`]),
  ];
  return { name, status: "ok", detail: parts.join("; ") };
}

/** Whether live prompts still look like those that the router was trained on. */
export function checkDrift(status: RouterStatus | undefined): CheckResult {
  const name = "router traffic";
  if (status === undefined) return { name, status: "skip", detail: nobodyTells };
  const { drift } = status;
  if (drift === null) return { name, status: "skip", detail: "no artifact decides" };
  const { prompts, verdict, unknown_share: unknown, below_threshold_share: below } = drift;
  if (verdict === "too-few")
    return { name, status: "skip", detail: `${prompts} prompts are too few to compare; 500 are needed` };
  const figures = `last ${prompts} prompts: class index ${drift.class_psi.toFixed(2)}, ${inPercent(below)} below the threshold`;
  const troubles = [
    ...(verdict === "steady" ? [] : [movedText(drift)]),
    ...(unknown > manyUnknown ? [`${inPercent(unknown)} hold no word that the router knows`] : []),
  ];
  if (troubles.length === 0) return { name, status: "ok", detail: `as in training (${figures})` };
  const advice =
    verdict === "moving"
      ? "look again soon"
      : "train again with prompts of now; router.keep_prompts can collect them";
  return { name, status: "warn", detail: `${troubles.join("; ")} (${figures}); ${advice}` };
}

function movedText({ classes, verdict, class_psi: classPsi, confidence_psi: confidencePsi }: Drift): string {
  const word = verdict === "drifted" ? "no longer look" : "begin not to look";
  if ((confidencePsi ?? 0) > classPsi)
    return `live prompts ${word} like those of training: the router is sure of them more or less often than it was`;
  const moved = classes.toSorted(
    (a, b) => Math.abs(b.share - b.expected) - Math.abs(a.share - a.expected),
  )[0]!;
  return `live prompts ${word} like those of training: ${inPercent(moved.share)} are '${moved.name}', where training had ${inPercent(moved.expected)}`;
}

function inPercent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
