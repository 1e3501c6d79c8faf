import { newRequestId, type Job, type RequestId } from "@expert-router/contracts";
import { attemptsAtOnce, type DeliveryOutcome, type SendResult } from "@expert-router/webhooks";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startIngress, type IngressFixture } from "../testing/ingress-fixture.js";
import { WebhookDesk } from "./webhook-desk.js";

const secret = `whsec_${Buffer.from("a secret of thirty-two characters").toString("base64")}`;
const webhook = { url: "https://example.com/hooks?token=tell-nobody", secret };
const submission = {
  endpoint: "/v1/chat/completions",
  body: { model: "code", messages: [{ role: "user", content: "x" }] },
};

let ingress: IngressFixture;
beforeEach(async () => {
  ingress = await startIngress({ maxQueued: 100, tuning: { lostSweepMs: 20 } });
});
afterEach(() => ingress.close());

const submit = (hook: unknown) => ingress.post("/v1/jobs", { ...submission, webhook: hook });
const show = async (id: string) => (await ingress.get(`/v1/jobs/${id}`)).json<Job>();
async function ended(url = webhook.url): Promise<RequestId> {
  const id = (await submit({ ...webhook, url })).json<Job>().id as RequestId;
  ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, ["Hello"]);
  ingress.ports.logs.end(id, { status: "completed" });
  return id;
}

function deliver(
  id: RequestId,
  { attempt = 1, isLast = false, signal = new AbortController().signal } = {},
): Promise<DeliveryOutcome> {
  return ingress.ports.webhooks.deliver({ id, attempt, isLast, signal });
}

describe("the end of a job with a webhook", () => {
  it("is queued when it is heard of, and by the sweep when nobody heard", async () => {
    const { webhooks } = ingress.ports;
    const heard = await ended();
    webhooks.ended(heard);
    await expect.poll(() => webhooks.queued).toEqual([heard]);
    const unheard = await ended();
    const open = (await submit(webhook)).json<Job>().id as RequestId;
    for (const id of [unheard, open, "req_01ARZ3NDEKTSV4RRFFQ69G5FAV" as const]) webhooks.pending.add(id);
    await expect.poll(() => webhooks.queued).toEqual([heard, unheard]);
    await expect.poll(() => [...webhooks.pending]).toEqual([open]);
  });

  it("is found in one sweep, however many nobody heard of", async () => {
    const { webhooks } = ingress.ports;
    await ingress.app.get(WebhookDesk).stop();
    const open = (await submit(webhook)).json<Job>().id as RequestId;
    const gone = Array.from({ length: 999 }, () => newRequestId());
    for (const id of [open, ...gone]) webhooks.pending.add(id);
    const last = await ended();
    webhooks.pending.add(last);
    await ingress.app.get(WebhookDesk).sweep(Date.now());
    expect(webhooks.queued).toEqual([last]);
    expect([...webhooks.pending]).toEqual([open]);
  });

  it("is sent with the job as it is shown, and noted", async () => {
    const { webhooks, logs } = ingress.ports;
    const id = await ended();
    expect((await show(id)).webhook).toEqual({
      url: "https://example.com/hooks",
      status: "waiting",
      attempts: 0,
      last_attempts: [],
    });
    expect(await deliver(id)).toBe("settled");
    const [sent] = webhooks.sent as [(typeof webhooks.sent)[0]];
    expect(sent).toMatchObject({ url: webhook.url, secret, id: id.replace("req_", "evt_") });
    const { webhook: _, ...data } = await show(id);
    expect(JSON.parse(sent.payload)).toEqual({
      type: "job.completed",
      timestamp: new Date(data.finished_at! * 1_000).toISOString(),
      data,
    });
    expect(webhooks.notes.get(id)).toMatchObject({ status: "delivered", attempts: 1 });
    logs.states.delete(id);
    expect(await deliver(id, { attempt: 2 })).toBe("settled");
    expect(webhooks.sent.length).toBe(1);
  });

  it("is not told where Redis has lost it: that waits for the next one", async () => {
    const { webhooks } = ingress.ports;
    const id = (await submit(webhook)).json<Job>().id as RequestId;
    expect(await deliver(id)).toBe("later");
    expect(webhooks.sent).toEqual([]);
  });

  it.each([
    ["failed", false, "again", "waiting"],
    ["failed", true, "settled", "failed"],
    ["gone", false, "settled", "failed"],
    ["refused", false, "settled", "failed"],
  ] as const)("%s, last attempt %s: %s", async (outcome, isLast, then, status) => {
    const { webhooks } = ingress.ports;
    const id = await ended();
    webhooks.result = { outcome, status: 500, durationMs: 3 };
    expect(await deliver(id, { attempt: 2, isLast })).toBe(then);
    expect(webhooks.notes.get(id)).toMatchObject({ status, attempts: 2, tries: [{ status: 500 }] });
    expect(ingress.logLines.join("")).not.toContain("tell-nobody");
    expect(ingress.logLines.join("")).not.toContain(secret);
  });
});

describe("an attempt at a webhook", () => {
  it("waits, uncounted, while its receiver or its tenant has as many under way as they may", async () => {
    const { webhooks } = ingress.ports;
    webhooks.sender.send = () => new Promise<SendResult>(() => undefined);
    const slow = await Promise.all(Array.from({ length: attemptsAtOnce.atReceiver }, () => ended()));
    const under = slow.map((id) => deliver(id));
    const [next, elsewhere] = [await ended(), await ended("https://example.com:8443/")];
    expect(await deliver(next)).toBe("later");
    expect(webhooks.notes.size).toBe(0);
    const other = deliver(elsewhere);
    const pending = await Promise.race([other, ...under, new Promise((resolve) => setImmediate(resolve))]);
    expect(pending).toBeUndefined();
    const left = attemptsAtOnce.ofTenant - attemptsAtOnce.atReceiver - 1;
    for (let i = 0; i < left; i++) void deliver(await ended(`https://host-${i}.example.com/`));
    expect(await deliver(await ended("https://one-more.example.com/"))).toBe("later");
  });

  it("gives its place back", async () => {
    const ids = await Promise.all(Array.from({ length: attemptsAtOnce.atReceiver + 1 }, () => ended()));
    for (const id of ids) expect(await deliver(id)).toBe("settled");
  });

  it("that is broken off is none", async () => {
    const { webhooks } = ingress.ports;
    const id = await ended();
    webhooks.result = { outcome: "interrupted", durationMs: 3 };
    expect(await deliver(id, { isLast: true })).toBe("later");
    expect(webhooks.notes.size).toBe(0);
    expect(await ingress.context.metrics.webhookAttempts.get()).toMatchObject({ values: [] });
  });

  it("that was answered is not repeated because Redis does not take it down", async () => {
    const { webhooks } = ingress.ports;
    const id = await ended();
    let away = true;
    const note = webhooks.records.note.bind(webhooks.records);
    webhooks.records.note = async (...args) => {
      if (away) throw new Error("Redis is away");
      await note(...args);
    };
    const ending = new AbortController();
    const back = deliver(id);
    await expect.poll(() => webhooks.sent.length).toBe(1);
    away = false;
    expect(await back).toBe("settled");
    expect(webhooks.notes.get(id)).toMatchObject({ status: "delivered" });
    away = true;
    const gone = deliver(await ended(), { signal: ending.signal });
    await expect.poll(() => webhooks.sent.length).toBe(2);
    ending.abort();
    expect(await gone).toBe("settled");
    expect(webhooks.sent.length).toBe(2);
  });
});

describe("a webhook", () => {
  it.each([
    ["ftp://example.com", "webhook"],
    ["http://example.com", "webhook"],
    ["not a url", "webhook"],
    [{ url: "https://user:pw@example.com", secret }, "webhook.url"],
    [{ url: "https://169.254.169.254/latest", secret }, "webhook.url"],
    [{ url: "https://[::1]/", secret }, "webhook.url"],
    [{ url: `https://example.com/${"x".repeat(2_048)}`, secret }, "webhook.url"],
    ["https://example.com", "webhook.secret"],
    [{ url: "https://example.com", secret: "whsec_c2hvcnQ=" }, "webhook.secret"],
    [{ url: "https://example.com", secret: "secret" }, "webhook.secret"],
    [{ url: "https://example.com", secrets: secret }, "webhook.secrets"],
    [7, "webhook"],
  ])("%j is refused", async (hook, param) => {
    const response = await submit(hook);
    expect([response.statusCode, response.json().error.param]).toEqual([400, param]);
    expect(ingress.ports.logs.states.size).toBe(0);
  });

  it("is shown without its secret", async () => {
    const { body } = await submit(webhook);
    expect(body).not.toContain("tell-nobody");
    expect(body).not.toContain("whsec_");
  });
});
