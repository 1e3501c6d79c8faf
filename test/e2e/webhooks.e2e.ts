import { once } from "node:events";
import { createServer, type AddressInfo, type Server } from "node:net";
import type { Job } from "@expert-router/contracts";
import { waitFor } from "@expert-router/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestSystem } from "../support/system.js";
import { WebhookReceiver } from "../support/webhook-receiver.js";

/** Set it to 30 for the long form. */
const downS = Number(process.env["WEBHOOK_DOWN_S"] ?? 3);
const secret = `whsec_${Buffer.from("a secret of thirty-two characters").toString("base64")}`;
const ownSecret = `whsec_${Buffer.from("another one of thirty-two letters").toString("base64")}`;

let system: TestSystem;
let receiver: WebhookReceiver;
let other: WebhookReceiver;
beforeAll(async () => {
  [receiver, other] = await Promise.all([WebhookReceiver.create(secret), WebhookReceiver.create(ownSecret)]);
  await Promise.all([receiver.up(), other.up()]);
  system = await TestSystem.start({
    experts: { general: ["general"] },
    ingresses: 2,
    interTokenLatencyMs: 10,
    config: { webhooks: { allow_private: true, allow_http: true, first_retry_s: 0.2, timeout_s: 2 } },
    env: { EXPERT_ROUTER_WEBHOOK_SECRET: secret },
  });
});
afterAll(async () => {
  receiver?.down();
  other?.down();
  await system?.stop();
});

async function submit(webhook: unknown, maxTokens = 20, url = system.url): Promise<Response> {
  const messages = [{ role: "user", content: "Why is the sky blue?" }];
  return fetch(`${url}/v1/jobs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      endpoint: "/v1/chat/completions",
      body: { model: "general", messages, max_tokens: maxTokens },
      webhook,
    }),
  });
}
const submitted = async (...args: Parameters<typeof submit>): Promise<string> =>
  ((await (await submit(...args)).json()) as Job).id;
const show = async (id: string): Promise<Job> =>
  (await (await fetch(`${system.ingresses.at(-1)!.url}/v1/jobs/${id}`)).json()) as Job;
const settled = (id: string): Promise<unknown> =>
  waitFor("it is settled", async () => (await show(id)).webhook?.status !== "waiting", { timeoutMs: 20_000 });

describe("a webhook", () => {
  it("comes once, signed, with the job and its answer", async () => {
    const id = await submitted(`${receiver.url}/hooks?token=t`);
    await settled(id);
    const job = await show(id);
    expect(job.webhook).toMatchObject({ url: `${receiver.url}/hooks`, status: "delivered", attempts: 1 });
    const { webhook: _, ...data } = job;
    expect(receiver.of(id)).toEqual([
      {
        id: id.replace("req_", "evt_"),
        path: "/hooks?token=t",
        event: expect.objectContaining({ type: "job.completed", data }),
      },
    ]);
    expect(job.response).not.toBeNull();
  });

  it("tells of a cancelled job too, signed with the job's own secret", async () => {
    const id = await submitted({ url: other.url, secret: ownSecret }, 10_000);
    await fetch(`${system.url}/v1/jobs/${id}/cancel`, { method: "POST" });
    await waitFor("it comes", () => other.of(id).length === 1);
    expect(other.of(id)[0]?.event.type).toBe("job.cancelled");
    expect(other.forged).toEqual([]);
  });

  it("is tried again while the receiver fails, and no more when it says 410", async () => {
    other.answers.push(500, 503, 410);
    const id = await submitted({ url: other.url, secret: ownSecret });
    await settled(id);
    const { webhook } = await show(id);
    expect(webhook).toMatchObject({ status: "failed", attempts: 3 });
    expect(webhook?.last_attempts.map(({ status }) => status)).toEqual([500, 503, 410]);
    expect(new Set(other.of(id).map(({ id: event }) => event)).size).toBe(1);
  });

  it(
    "gets through to a receiver that was down for a while",
    async () => {
      receiver.down();
      const ids = await Promise.all(Array.from({ length: 5 }, () => submitted(receiver.url)));
      await waitFor("it was tried", async () => (await show(ids[0]!)).webhook!.attempts > 1);
      await new Promise((resolve) => setTimeout(resolve, downS * 1_000));
      expect((await show(ids[0]!)).webhook?.status).toBe("waiting");
      await receiver.up();
      await Promise.all(
        ids.map((id) =>
          waitFor("it comes", () => receiver.of(id).length > 0, { timeoutMs: (downS * 2 + 15) * 1_000 }),
        ),
      );
      expect(receiver.forged).toEqual([]);
    },
    (downS * 4 + 30) * 1_000,
  );

  it("comes though every ingress was dead when the job ended", async () => {
    const id = await submitted(receiver.url, 100);
    await waitFor("it runs", async () => (await system.runningAt("general")) > 0);
    await Promise.all(system.ingresses.map(({ process }) => process.end()));
    await waitFor("it is done", async () => (await system.runningAt("general")) === 0);
    expect(receiver.of(id)).toEqual([]);
    await system.startIngress();
    await waitFor("it comes", () => receiver.of(id).length > 0, { timeoutMs: 30_000 });
    expect(receiver.of(id)[0]?.event.type).toBe("job.completed");
  });
});

describe("with addresses that are not public refused", () => {
  let inside: Server;
  let url: string;
  let visitors = 0;
  beforeAll(async () => {
    inside = createServer((socket) => {
      visitors += 1;
      socket.destroy();
    });
    inside.listen(0, "127.0.0.1");
    await once(inside, "listening");
    // The same system by a stricter file; it takes over the deliveries, so it comes last.
    await Promise.all(system.ingresses.map(({ process }) => process.end()));
    url = await system.startIngress({ EXPERT_ROUTER_CONFIG: system.writeConfigWith({ webhooks: {} }) });
  });
  afterAll(() => void inside?.close());

  it("a job that names one is refused", async () => {
    for (const host of ["169.254.169.254", "127.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "0x7f000001"]) {
      const response = await submit({ url: `https://${host}/latest`, secret }, 1, url);
      expect([host, response.status]).toEqual([host, 400]);
    }
  });

  it("a name that leads to one is not connected to", async () => {
    const { port } = inside.address() as AddressInfo;
    const id = await submitted({ url: `https://localhost:${port}/`, secret }, 1, url);
    await settled(id);
    expect((await show(id)).webhook).toMatchObject({
      status: "failed",
      attempts: 1,
      last_attempts: [{ status: null, error: "the host has no public address" }],
    });
    expect(visitors).toBe(0);
  });
});
