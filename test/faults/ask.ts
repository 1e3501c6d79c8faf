import type { Dice } from "./dice.js";
import { expectedText } from "./expected-text.js";

/** How the simulator shall fail at a request; each at its first try on each engine. */
const engineFaults = [
  "cut-mid",
  "hang-before",
  "hang-mid",
  "garbage",
  "error-after-200",
  "http-500",
  "http-429",
  "http-503",
] as const;

/** One request of the load: what is asked, and how its client behaves. */
export interface Ask {
  readonly number: number;
  /** Time since the begin of the round. */
  readonly atMs: number;
  readonly kind: "stream" | "sync" | "job";
  /** Which ingress takes it. */
  readonly ingress: number;
  readonly prompt: string;
  readonly maxTokens: number;
  readonly expected: string;
  /** `auto`, or the expert that it is pinned to. */
  readonly model: string;
  readonly engineFault: string | undefined;
  /** What its client does after this many tokens; a job's client that leaves comes back through another ingress. */
  readonly act: { readonly type: "stay" | "leave" | "cancel"; readonly afterTokens: number };
}

const routedPrompts = [
  "Write a SQL query that counts the orders of each day.",
  "Implement a binary search in Python with tests.",
  "Why is the sky blue in the day and red at sunset?",
  "Summarise the causes of the French revolution.",
];

/** The requests of one round, in the order of time. */
export function drawAsks(
  dice: Dice,
  options: {
    readonly round: number;
    readonly count: number;
    readonly overMs: number;
    readonly experts: readonly string[];
    readonly ingresses: number;
    /** Share of the requests that make their engine fail. */
    readonly engineFaultShare: number;
  },
): Ask[] {
  const asks = Array.from({ length: options.count }, (_, number): Ask => {
    const kind = dice.pick(["stream", "stream", "sync", "job", "job"] as const);
    const pinned = dice.chance(0.5);
    const prompt = `${dice.pick(routedPrompts)} Round ${options.round}, question ${number}.`;
    const maxTokens = dice.between(40, 200);
    const fault = dice.chance(options.engineFaultShare) ? dice.pick(engineFaults) : undefined;
    const act = dice.pick(["stay", "stay", "stay", "leave", kind === "job" ? "cancel" : "stay"] as const);
    return {
      number,
      kind,
      atMs: dice.between(0, options.overMs),
      ingress: dice.between(0, options.ingresses - 1),
      prompt,
      maxTokens,
      expected: expectedText(prompt, maxTokens),
      model: pinned ? dice.pick(options.experts) : "auto",
      engineFault: fault && `once:${fault}`,
      act: { type: act, afterTokens: dice.between(3, 60) },
    };
  });
  return asks.sort((a, b) => a.atMs - b.atMs);
}

/** The request's body, as an endpoint takes it. */
export function bodyOf({ kind, model, prompt, maxTokens, engineFault }: Ask): Record<string, unknown> {
  const body = {
    model,
    max_tokens: maxTokens,
    messages: [{ role: "user", content: prompt }],
    ...(engineFault !== undefined && { x_sim_fault: engineFault }),
  };
  if (kind === "job") return { endpoint: "/v1/chat/completions", body };
  return { ...body, stream: kind === "stream" };
}
