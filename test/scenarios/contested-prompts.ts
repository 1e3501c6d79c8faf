import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { ExpertRouter } from "@expert-router/embedder";

/** Experts of the spillover scenario; the last one is the fallback. */
export const spillExperts: Record<string, string[]> = {
  business: ["law", "finance"],
  broad: [
    ["code", "sql", "math", "reasoning", "medicine", "science"],
    ["humanities", "creative", "summarization", "support", "general"],
  ].flat(),
  other: ["multilingual"],
};
/** The one that is overloaded. */
const busy = "business";

/** A prompt, the domain that it is of, and the expert that the router chooses for it. */
export interface LabelledPrompt {
  readonly text: string;
  readonly domain: string;
  readonly expert: string;
}

const file = fileURLToPath(new URL("../../../shared/data/prompts-train.jsonl.gz", import.meta.url));
const artifact = fileURLToPath(new URL("../../routers/default", import.meta.url));

/** Serve where the prompt file is not there. */
const builtIn: readonly [domain: string, text: string][] = [
  ["finance", "How much of my income should go into a pension at thirty?"],
  ["law", "Explain the difference between a limited partnership and a limited liability company."],
  ["law", "Is a verbal agreement to sell a car binding?"],
  ["finance", "Should I pay off my mortgage early or invest in an index fund?"],
  ["law", "Draft a clause that limits liability for indirect damages."],
  ["finance", "What does a put option protect me from?"],
  ["law", "Can my landlord keep the deposit if I leave before the contract ends?"],
  ["finance", "How do banks decide on a loan to a farmer?"],
  ["humanities", "What is the history of the stock exchange in Amsterdam?"],
  ["finance", "What is a tariff, and who pays for it?"],
];

/** Prompts that the default router sends to the busy expert, by whether another one is within `margin` of it. */
export async function contestedPrompts(margin: number): Promise<{
  readonly sure: readonly LabelledPrompt[];
  readonly contested: readonly LabelledPrompt[];
  readonly source: string;
}> {
  const router = await ExpertRouter.load({
    artifact,
    experts: Object.entries(spillExperts).map(([id, domains]) => ({ id, domains, clusters: [] })),
    fallback: Object.keys(spillExperts).at(-1) as string,
    threshold: 0.45,
  });
  const sure: LabelledPrompt[] = [];
  const contested: LabelledPrompt[] = [];
  const hasFile = existsSync(file);
  for (const { text, domain } of hasFile ? readPrompts() : builtInPrompts()) {
    const { expert, reason, candidates } = await router.route(text);
    if (expert !== busy || reason !== "best-match") continue;
    const [first, second] = candidates;
    const isContested = (first?.probability ?? 0) - (second?.probability ?? 0) <= margin;
    (isContested ? contested : sure).push({ text, domain, expert });
  }
  await router.close();
  if (sure.length === 0 || contested.length === 0)
    throw new Error("the default router finds no prompts for this");
  return { sure, contested, source: hasFile ? "prompts-train.jsonl.gz" : "built in" };
}

type Labelled = Pick<LabelledPrompt, "text" | "domain">;

function readPrompts(): Labelled[] {
  const lines = gunzipSync(readFileSync(file)).toString().trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Labelled);
}

function builtInPrompts(): Labelled[] {
  return builtIn.map(([domain, text]) => ({ domain, text }));
}
