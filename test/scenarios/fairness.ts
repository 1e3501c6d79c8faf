import { arrivalTimes } from "./chance.js";
import { nowMs } from "./client.js";
import { openLoop, submitAll } from "./open-loop.js";
import { expert, numberedAsks, ScenarioSystem, serviceMs } from "./scenario-system.js";
import { atMost, told, type Scenario } from "./scenario.js";
import { mean, spread } from "./statistics.js";
import { keys, keysEnv } from "./tenants.js";

const pace = { sequences: 8, tokenMs: 10, firstTokenMs: 20 };
const answerTokens = 50;
/** For B's last jobs, once all are sent. */
const patienceMs = 30_000;

/** One tenant's long queue does not delay another one's short one. */
export const fairness: Scenario = {
  name: "fairness",
  acceptance:
    "tenant A queues 10,000 jobs, then B sends one every second: B's p95 wait ≤ 2 × its wait on an idle system + one service time",
  async run({ short, say }) {
    const [queued, idleS, busyS] = short ? [300, 3, 6] : [10_000, 30, 60];
    const system = await ScenarioSystem.start({
      pace,
      env: keysEnv,
    });
    try {
      const sendFromB = async (forS: number, part: string) => {
        const times = arrivalTimes({ perS: 1, forMs: forS * 1_000 + 1 });
        const load = await openLoop(
          system.client,
          times.map((atMs, number) => ({
            atMs,
            ask: {
              kind: "job",
              model: expert,
              prompt: `B asks ${number}, ${part}.`,
              maxTokens: answerTokens,
              key: keys.b,
            },
          })),
        ).ended;
        // Without fairness B waits for all that A has queued: what has not started by then counts with its wait so far.
        const records = await system
          .whenEnded(load.outcomes, patienceMs)
          .catch(() => system.records(load.outcomes));
        const askedAtMs = nowMs();
        const waits = records.map(({ createdAtMs, startedAtMs = askedAtMs }) => startedAtMs - createdAtMs);
        return { load, records, waits };
      };
      say(`B alone, ${idleS} s …`);
      const idle = await sendFromB(idleS, "idle");
      say(`A queues ${queued} jobs …`);
      const fromMs = performance.now();
      const ofA = await submitAll(
        system.client,
        numberedAsks(queued, () => ({ kind: "job", maxTokens: answerTokens, key: keys.a })),
      );
      const submitS = (performance.now() - fromMs) / 1_000;
      say(`B beside A, ${busyS} s …`);
      const busy = await sendFromB(busyS, "busy");
      const left = (await system.records(ofA)).filter(({ status }) => status === "queued").length;
      const alone = spread(idle.waits);
      const beside = spread(busy.waits);
      const serviceTimeMs = mean(
        idle.records.map(({ startedAtMs = 0, finishedAtMs = 0 }) => finishedAtMs - startedAtMs),
      );
      return {
        settings: { ...pace, answer_tokens: answerTokens, jobs_of_a: queued },
        figures: [
          told("jobs of A submitted in", submitS, "s"),
          told("jobs of A that still wait at the end", left),
          told("service time of a job of B on the idle system", serviceTimeMs, "ms"),
          told("  as the engine's pace has it", serviceMs(pace, answerTokens), "ms"),
          told("wait of B on the idle system, p50", alone.p50, "ms"),
          told("wait of B on the idle system, p95", alone.p95, "ms"),
          told("wait of B beside A, p50", beside.p50, "ms"),
          atMost(
            "wait of B beside A, p95",
            beside.p95,
            2 * alone.p95 + (short ? 3 : 1) * serviceTimeMs,
            "ms",
          ),
          told("wait of B beside A, max", beside.max, "ms"),
          atMost("jobs of B refused", busy.load.outcomes.filter(({ accepted }) => !accepted).length, 0),
          told("requests sent late", busy.load.late),
        ],
        details: { waits_of_b_ms: { idle: idle.waits, beside: busy.waits } },
      };
    } finally {
      await system.stop();
    }
  },
};
