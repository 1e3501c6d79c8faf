import type { PriorityClass, RequestId, RequestRecord } from "@expert-router/contracts";
import type { JobSum, QueueFigures } from "@expert-router/queue";
import { afterEach, describe, expect, it } from "vitest";
import { ExpertMonitor } from "../experts/expert-monitor.js";
import { startIngress, type FixtureOptions, type IngressFixture } from "../testing/ingress-fixture.js";
import { claimantOf } from "./claimant.js";

const chat = "/v1/chat/completions";
const body = { model: "code", messages: [{ role: "user", content: "x" }] };
const submission = { endpoint: chat, body };
const none: JobSum = { jobs: 0, tokens: 0 };

let ingress: IngressFixture;
afterEach(() => ingress.close());

/** An ingress that does not look by itself, so that a test says what it knows. */
async function start(options: FixtureOptions = {}): Promise<void> {
  ingress = await startIngress({
    maxQueued: 1_000,
    ...options,
    tuning: { pollMs: 3_600_000, ...options.tuning },
  });
}

/** Tells that `waiting` requests of a class wait at `expert`, of which so many start a second. */
function tell(
  name: PriorityClass,
  waiting: number,
  startsPerS: number,
  expert = "code",
  nowMs = Date.now(),
): void {
  const load = ingress.app.get(ExpertMonitor).load(expert);
  const busy = { ...load.workers[0]!, running: 4 };
  for (let second = 0; second <= 20; second++) {
    const started = { jobs: second * startsPerS, tokens: second * startsPerS * 10 };
    const figures: QueueFigures = {
      waiting: {
        interactive: none,
        async: none,
        batch: none,
        [name]: { jobs: waiting, tokens: waiting * 10 },
      },
      started: { interactive: none, async: none, batch: none, [name]: started },
      booked: { interactive: 0, async: 0, batch: 0 },
    };
    const workers = [{ ...busy, finished: second * startsPerS }];
    load.update({ figures, workers, arrivedBefore: load.arrivals.snapshot() }, nowMs + second * 1_000);
  }
}

/** Puts `count` requests of `tenant` on the fake queue. */
function fill(count: number, tenant: string, priorityClass: PriorityClass = "async"): void {
  const { jobs } = ingress.ports.queues.get("code")!;
  for (let i = 0; i < count; i++)
    jobs.push({ id: `req_${i}` as RequestId, priorityClass, tenant, expectedTokens: 10 });
}

describe("a queue near its bound", () => {
  it("is asked, with what it needs to know; away from it, nobody is", async () => {
    await start();
    expect((await ingress.post("/v1/jobs", submission)).statusCode).toBe(202);
    const { claims } = ingress.ports.queues.get("code")!;
    expect(claims).toEqual([]);
    tell("async", 950, 10);
    expect((await ingress.post("/v1/jobs", submission)).statusCode).toBe(202);
    expect(claims).toEqual([
      {
        priorityClass: "async",
        maxWaiting: 1_000,
        startsPerS: expect.closeTo(10, 1),
        claimant: expect.stringMatching(/^[\w-]{22}$/),
      },
    ]);
    expect((await ingress.post("/v1/jobs", { ...submission, priority: "batch" })).statusCode).toBe(202);
    expect(claims).toHaveLength(1);
  });

  it("knows a client by its request, whatever id that has this time", () => {
    const record = { id: "req_1", tenant: "a", endpoint: chat, body } as unknown as RequestRecord;
    const same = claimantOf({ ...record, id: "req_2" as RequestId, createdAtMs: 5 });
    expect(same).toBe(claimantOf(record));
    expect(claimantOf({ ...record, tenant: "b" })).not.toBe(same);
    expect(claimantOf({ ...record, body: { ...body, seed: 1 } })).not.toBe(same);
  });

  it("counts what a client that was refused has stored for nobody", async () => {
    await start({ maxQueued: 1 });
    fill(1, "x");
    expect((await ingress.post("/v1/jobs", submission)).json()).toMatchObject({
      error: { code: "queue_full" },
    });
    expect(ingress.ports.stored.size).toBe(0);
  });
});

describe("a tenant", () => {
  it("has no more waiting than it may, also when they come at once", async () => {
    await start({ maxWaiting: 3 });
    const queue = ingress.ports.queues.get("code")!;
    const count = queue.waitingOf.bind(queue);
    queue.waitingOf = async (tenant, priorityClass) => {
      const waiting = await count(tenant, priorityClass);
      await new Promise((resolve) => setTimeout(resolve, 50));
      return waiting;
    };
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => ingress.post("/v1/jobs", submission)));
    expect(answers.filter((answer) => answer.statusCode === 202)).toHaveLength(3);
    const refused = await ingress.post("/v1/jobs", submission);
    expect(refused.json()).toMatchObject({ error: { code: "tenant_queue_full" } });
    expect(refused.headers["retry-after"]).toBe("1");
    queue.jobs.length = 2;
    expect((await ingress.post("/v1/jobs", submission)).statusCode).toBe(202);
    expect((await ingress.post("/v1/jobs", submission)).statusCode).toBe(429);
    const elsewhere = { ...submission, body: { ...body, model: "general" } };
    expect((await ingress.post("/v1/jobs", elsewhere)).statusCode).toBe(202);
  });
});

describe("a deadline", () => {
  it("that cannot be met is refused at once, with the time after which it could be", async () => {
    await start();
    fill(200, "default");
    tell("async", 200, 10);
    const refused = await ingress.post("/v1/jobs", { ...submission, deadline_s: 5 });
    expect(refused.statusCode).toBe(429);
    expect(refused.json()).toMatchObject({ error: { code: "deadline_unmeetable" } });
    // 20 s of waiting and 0.4 s with the engine against 5.
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(13);
    expect(Number(refused.headers["retry-after"])).toBeLessThan(18);
    expect(ingress.ports.logs.states.size).toBe(0);
    expect((await ingress.post("/v1/jobs", { ...submission, deadline_s: 30 })).statusCode).toBe(202);
    expect((await ingress.post("/v1/jobs", submission)).statusCode).toBe(202);
  });

  it("refuses no tenant for what others have queued", async () => {
    await start();
    fill(200, "key-somebody-else");
    tell("async", 200, 10);
    expect((await ingress.post("/v1/jobs", { ...submission, deadline_s: 5 })).statusCode).toBe(202);
  });

  it("refuses nobody while nothing is measured", async () => {
    await start();
    fill(900, "default");
    expect((await ingress.post("/v1/jobs", { ...submission, deadline_s: 1 })).statusCode).toBe(202);
  });

  it("is also the time that a waiting client gives", async () => {
    await start({ queueTimeoutS: 5 });
    fill(200, "default", "interactive");
    tell("interactive", 200, 10);
    expect((await ingress.post(chat, body)).json()).toMatchObject({ error: { code: "deadline_unmeetable" } });
  });
});

describe("a busy expert", () => {
  const spilling = { model: "auto", messages: [{ role: "user", content: "code" }] };
  const route = () => ingress.post("/v1/route", { messages: spilling.messages });

  /** `general` is nearly as probable for a prompt about code. */
  async function withRunnerUp(spillMargin: number): Promise<void> {
    await start({ spillMargin });
    const { router } = ingress.ports;
    const explain = router.explain.bind(router);
    const plain = router.route.bind(router);
    const candidates = [
      { expert: "code", probability: 0.81256 },
      { expert: "general", probability: 0.71256 },
    ];
    router.route = async (...args) => ({ ...(await plain(...args)), candidates });
    router.explain = async (...args) => {
      const explained = await explain(...args);
      return { ...explained, decision: { ...explained.decision, candidates } };
    };
  }

  it("gives a prompt to the next one where the wait is worth it, and says so", async () => {
    await withRunnerUp(0.2);
    expect((await route()).json()).toMatchObject({ expert: "code", reason: "best-match", instead_of: null });
    tell("interactive", 30, 10);
    expect((await route()).json()).toMatchObject({
      expert: "general",
      reason: "spillover",
      instead_of: "code",
      wait_saved_s: expect.closeTo(3.1, 0),
      candidates: [
        { expert: "code", queue_wait_s: expect.closeTo(3.1, 0) },
        { expert: "general", queue_wait_s: 0 },
      ],
    });
    const job = await ingress.post("/v1/jobs", { ...submission, body: spilling, priority: "interactive" });
    expect(job.json()).toMatchObject({ expert: "general", reason: "spillover", instead_of: "code" });
    const { id } = job.json() as { id: RequestId };
    expect(ingress.ports.logs.states.get(id)!.decision).toMatchObject({
      spillover: { insteadOf: "code", waitSavedS: expect.closeTo(3.1, 0) },
    });
    expect((await ingress.get("/metrics")).body).toContain(
      'expert_router_route_decisions_total{expert="general",reason="spillover"} 1',
    );
    // A job that nobody waits for would wait 3 s too, and that is worth nothing to it.
    const patient = await ingress.post("/v1/jobs", { ...submission, body: spilling, priority: "batch" });
    expect(patient.json()).toMatchObject({ expert: "code", reason: "best-match" });
  });

  it("sends no herd to its neighbour", async () => {
    await withRunnerUp(0.2);
    tell("interactive", 30, 10);
    const job = { ...submission, body: spilling, priority: "interactive" };
    const experts: string[] = [];
    for (let i = 0; i < 40; i++) experts.push((await ingress.post("/v1/jobs", job)).json().expert as string);
    // The neighbour has 4 free places and no measured rate: beyond them its wait is not known.
    expect(experts.filter((expert) => expert === "general")).toHaveLength(4);
    expect(experts.slice(0, 4)).toEqual(["general", "general", "general", "general"]);
    expect(experts).toContain("code");
  });

  it("keeps all its prompts with margin 0", async () => {
    await withRunnerUp(0);
    tell("interactive", 30, 10);
    expect((await route()).json()).toMatchObject({ expert: "code", reason: "best-match" });
  });
});
