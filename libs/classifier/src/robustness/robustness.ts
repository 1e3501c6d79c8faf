import { z } from "zod";
import { rounded } from "../reliability.js";
import { SeededRandom } from "../seeded-random.js";
import { noDomainKinds, noDomainPrompts } from "./no-domain-prompts.js";
import { perturbations } from "./perturbations.js";
import { scriptOfText } from "./script-of-text.js";

const share = z.number().min(0).max(1);

/** How decisions stand changes of the prompt. Shares are rounded to four digits. */
export const robustnessSchema = z.object({
  prompts: z.int().describe("Prompts that were changed, drawn from the input by the seed."),
  seed: z.int(),
  perturbations: z.record(
    z.string(),
    z.object({
      n: z.int().describe("Prompts that the perturbation changes; the others say nothing about it."),
      accuracy_before: share,
      accuracy_after: share,
      agreement: share.describe("Share of prompts that the same expert gets as before."),
      generalist_before: share,
      generalist_after: share,
    }),
  ),
  no_domain: z.object({
    generalist: share.describe("Mean over the kinds."),
    kinds: z.record(z.string(), z.object({ n: z.int(), generalist: share, confidence: share })),
  }),
  scripts: z
    .record(z.string(), z.object({ n: z.int(), accuracy: share, generalist: share }))
    .describe("By the script most letters of a prompt belong to."),
});
export type Robustness = z.infer<typeof robustnessSchema>;

/** What a router makes of one text. */
export interface RobustnessDecision {
  /** The most probable domain. */
  readonly domain: string;
  readonly expert: string;
  /** Whether the expert is the generalist, for whatever reason. */
  readonly generalist: boolean;
  readonly confidence: number;
}

export interface RobustnessOptions {
  readonly seed: number;
  /** Prompts made of each kind of no domain; 200 unless told. */
  readonly promptsPerKind?: number | undefined;
  /** Told how much of the work is done, 0 to 1. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

type Decide = (texts: readonly string[]) => Promise<readonly RobustnessDecision[]>;
interface LabelledText {
  readonly text: string;
  readonly domain: string;
}

/** Asks `decide` about every prompt as it is and in each perturbed form, and about prompts of no domain. */
export async function measureRobustness(
  examples: readonly LabelledText[],
  decide: Decide,
  { seed, promptsPerKind = 200, onProgress }: RobustnessOptions,
): Promise<Robustness> {
  const steps = perturbations.length + noDomainKinds.length + 1;
  let done = 0;
  const step = (): void => onProgress?.(++done / steps);
  const before = await decide(examples.map(({ text }) => text));
  step();
  const rows: Robustness["perturbations"] = {};
  for (const [index, { name, apply }] of perturbations.entries()) {
    const changed = examples.flatMap(({ text }, row) => {
      // A stream of random numbers for each prompt and perturbation, so that adding one moves no other.
      const after = apply(text, new SeededRandom(seed + row * 0x1_0001 + index * 0x101_0001));
      return after === text ? [] : [{ row, after }];
    });
    const after = await decide(changed.map((of) => of.after));
    rows[name] = compare(
      changed.map(({ row }, at) => ({
        domain: examples[row]!.domain,
        before: before[row]!,
        after: after[at]!,
      })),
    );
    step();
  }
  const kinds: Robustness["no_domain"]["kinds"] = {};
  for (const [index, kind] of noDomainKinds.entries()) {
    const decisions = await decide(noDomainPrompts(kind, promptsPerKind, seed + index));
    kinds[kind] = {
      n: decisions.length,
      generalist: shareOf(decisions, ({ generalist }) => generalist),
      confidence: Math.min(
        1,
        rounded(
          decisions.reduce((sum, { confidence }) => sum + confidence, 0),
          decisions.length,
        ),
      ),
    };
    step();
  }
  const generalist = rounded(
    Object.values(kinds).reduce((sum, kind) => sum + kind.generalist, 0),
    noDomainKinds.length,
  );
  return {
    prompts: examples.length,
    seed,
    perturbations: rows,
    no_domain: { generalist, kinds },
    scripts: byScript(examples, before),
  };
}

interface Pair {
  readonly domain: string;
  readonly before: RobustnessDecision;
  readonly after: RobustnessDecision;
}

function compare(pairs: readonly Pair[]): Robustness["perturbations"][string] {
  return {
    n: pairs.length,
    accuracy_before: shareOf(pairs, ({ domain, before }) => before.domain === domain),
    accuracy_after: shareOf(pairs, ({ domain, after }) => after.domain === domain),
    agreement: shareOf(pairs, ({ before, after }) => before.expert === after.expert),
    generalist_before: shareOf(pairs, ({ before }) => before.generalist),
    generalist_after: shareOf(pairs, ({ after }) => after.generalist),
  };
}

function byScript(
  examples: readonly LabelledText[],
  decisions: readonly RobustnessDecision[],
): Robustness["scripts"] {
  const groups = new Map<string, { domain: string; decision: RobustnessDecision }[]>();
  for (const [row, { text, domain }] of examples.entries()) {
    const script = scriptOfText(text);
    const group = groups.get(script) ?? [];
    group.push({ domain, decision: decisions[row]! });
    groups.set(script, group);
  }
  return Object.fromEntries(
    [...groups]
      .sort(([, a], [, b]) => b.length - a.length)
      .map(([script, group]) => [
        script,
        {
          n: group.length,
          accuracy: shareOf(group, ({ domain, decision }) => decision.domain === domain),
          generalist: shareOf(group, ({ decision }) => decision.generalist),
        },
      ]),
  );
}

function shareOf<Item>(items: readonly Item[], holds: (item: Item) => boolean): number {
  return rounded(items.filter(holds).length, items.length);
}
