import { arrivalTimes, Chance } from "./chance.js";
import { contestedPrompts, spillExperts, type LabelledPrompt } from "./contested-prompts.js";
import { openLoop } from "./open-loop.js";
import { waitsMs } from "./request-records.js";
import { ScenarioSystem, serviceMs } from "./scenario-system.js";
import { atLeast, atMost, told, type Scenario } from "./scenario.js";
import { spread, type Spread } from "./statistics.js";

const pace = { sequences: 8, tokenMs: 20, firstTokenMs: 40 };
const answerTokens = [20, 40] as const;
const perS = (pace.sequences * 1_000) / serviceMs(pace, 30);
/** Offered to one expert, of its capacity. */
const load = 1.25;
/** Of the prompts: those for which another expert is nearly as probable. */
const contestedShare = 0.4;
const margin = 0.2;

interface Run {
  readonly waitMs: Spread;
  readonly requests: number;
  readonly spilled: number;
  readonly right: number;
  readonly failed: number;
  readonly late: number;
}

/** A busy expert gives away what another one can answer nearly as well, as far as the operator allows. */
export const spillover: Scenario = {
  name: "spillover",
  acceptance:
    "one expert overloaded, its neighbour idle: with margin 0 nothing spills, with 0.2 the p95 wait falls ≥ 3 ×; the accuracy lost stands beside it",
  async run({ seed, short, say }) {
    const forS = short ? 8 : 60;
    const { sure, contested, source } = await contestedPrompts(margin);

    const measure = async (spillMargin: number): Promise<Run> => {
      const chance = new Chance(seed, 0);
      say(`margin ${spillMargin}, ${forS} s …`);
      const system = await ScenarioSystem.start({
        pace,
        experts: spillExperts,
        router: { spill_margin: spillMargin },
      });
      try {
        const sent: LabelledPrompt[] = [];
        const running = openLoop(
          system.client,
          arrivalTimes({ perS: perS * (short ? 1.5 : load), forMs: forS * 1_000 }, chance).map((atMs) => {
            const prompt = chance.pick(chance.between(1, 100) <= contestedShare * 100 ? contested : sure);
            sent.push(prompt);
            const maxTokens = chance.between(...answerTokens);
            return { atMs, ask: { kind: "stream", model: "auto", prompt: prompt.text, maxTokens } };
          }),
        );
        const { outcomes, late } = await running.ended;
        return {
          waitMs: spread(waitsMs(await system.records(outcomes))),
          requests: outcomes.length,
          spilled: outcomes.filter(({ expert }, index) => expert !== sent[index]?.expert).length,
          right: outcomes.filter(
            ({ expert = "" }, index) =>
              spillExperts[expert]?.includes(sent[index]?.domain as string) ?? false,
          ).length,
          failed: outcomes.filter(({ error }) => error !== undefined).length,
          late,
        };
      } finally {
        await system.stop();
      }
    };

    const without = await measure(0);
    const withMargin = await measure(margin);
    const accuracy = ({ right, requests }: Run): number => (right / requests) * 100;
    return {
      settings: {
        ...pace,
        answer_tokens: answerTokens.join("–"),
        offered: `${short ? 1.5 : load} × the expert's capacity`,
        contested_share: contestedShare,
        prompts: source,
        seconds_each: forS,
      },
      figures: [
        told("different prompts, sure / contested", sure.length, `/ ${contested.length}`),
        told("requests, margin 0", without.requests),
        atMost("  spilled", without.spilled, 0),
        told("  wait, p50", without.waitMs.p50 / 1_000, "s"),
        told("  wait, p95", without.waitMs.p95 / 1_000, "s"),
        told("  at the expert of their label", accuracy(without), "%"),
        told(`requests, margin ${margin}`, withMargin.requests),
        told("  spilled", (withMargin.spilled / withMargin.requests) * 100, "%"),
        told("  wait, p50", withMargin.waitMs.p50 / 1_000, "s"),
        told("  wait, p95", withMargin.waitMs.p95 / 1_000, "s"),
        told("  at the expert of their label", accuracy(withMargin), "%"),
        atLeast("p95 wait falls", without.waitMs.p95 / withMargin.waitMs.p95, short ? 1.5 : 3, "×"),
        told("accuracy lost", accuracy(without) - accuracy(withMargin), "points"),
        atMost("requests that failed", without.failed + withMargin.failed, 0),
        told("requests sent late", without.late + withMargin.late),
      ],
      notes: [
        "Contested: the router sends it to the expert, and finds another one within the margin. So many of them is a load made for",
        "this; of all prompts about 3 % are contested, and then at most 3 % of a load can be spilled.",
      ],
      details: { without, with_margin: withMargin },
    };
  },
};
