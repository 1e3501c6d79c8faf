import { setTimeout as sleep } from "node:timers/promises";
import type { Job } from "@expert-router/contracts";
import { sseEvents } from "../support/sse.js";
import { bodyOf, type Ask } from "./ask.js";
import { Trace } from "./trace.js";

/** Where ingress `index` is, whatever number that is. */
export type UrlOf = (index: number) => string;

/** How long a job's client keeps coming back, and how soon. */
const patienceMs = 90_000;
/** Longer than any client has to wait; one that waits longer waits in vain. */
const limitMs = 100_000;
const returnMs = 100;

/** Plays the client of `ask` to its end and writes down what it sees. Never rejects. */
export async function play(ask: Ask, urlOf: UrlOf, trace = new Trace(ask)): Promise<Trace> {
  const over = new AbortController();
  const late = sleep(limitMs, undefined, { signal: over.signal }).then(() => {
    if (trace.ending !== undefined) trace.problems.push("the connection stays open behind the end");
    trace.ending ??= { type: "broken", words: `no end within ${limitMs} ms` };
  });
  const playing = ask.kind === "job" ? playJob(trace, urlOf) : playCompletion(trace, urlOf(ask.ingress));
  try {
    await Promise.race([playing, late]);
  } catch (error) {
    const cause = (error as { cause?: { code?: string } }).cause?.code;
    trace.ending ??= { type: "broken", words: `${String(error)}${cause === undefined ? "" : ` (${cause})`}` };
  } finally {
    over.abort();
    late.catch(() => undefined);
  }
  return trace;
}

function post(url: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(url, { method: "POST", headers, body: JSON.stringify(body), ...(signal && { signal }) });
}

async function playCompletion(trace: Trace, url: string): Promise<void> {
  const { ask } = trace;
  const leaving = new AbortController();
  // A whole answer shows no token to count; its client leaves by the clock.
  const leavesByClock = ask.kind === "sync" && ask.act.type === "leave";
  if (leavesByClock) setTimeout(() => leaving.abort(), ask.act.afterTokens * 10);
  try {
    const response = await post(`${url}/v1/chat/completions`, bodyOf(ask), leaving.signal);
    trace.id = response.headers.get("x-request-id") ?? undefined;
    if (!response.ok) return void (await readRefusal(trace, response));
    trace.accepted = true;
    if (ask.kind === "stream") return await readStream(trace, response, leaving);
    const answer = (await response.json()) as { choices: { message: { content: string } }[] };
    trace.add(answer.choices[0]?.message.content ?? "");
    trace.ending = { type: "completed" };
  } catch (error) {
    if (!leaving.signal.aborted) throw error;
    trace.ending = { type: "left" };
  }
}

async function readRefusal(trace: Trace, response: Response): Promise<void> {
  const text = await response.text();
  let code = `http_${response.status}`;
  try {
    code = (JSON.parse(text) as { error: { code: string } }).error.code;
  } catch {
    trace.problems.push(`status ${response.status} came without an error body`);
  }
  if (response.status === 503 && !response.headers.has("retry-after")) {
    trace.problems.push("a 503 came without retry-after");
  }
  trace.ending = { type: "refused", code };
}

interface Chunk {
  error?: { code: string };
  choices?: { delta: { content?: string } }[];
}

async function readStream(trace: Trace, response: Response, leaving: AbortController): Promise<void> {
  const { act } = trace.ask;
  for await (const { data } of sseEvents(response)) {
    if (trace.ending !== undefined)
      trace.problems.push(`something came behind the end: ${data.slice(0, 80)}`);
    if (data === "[DONE]") {
      trace.ending = { type: "completed" };
      continue;
    }
    const chunk = JSON.parse(data) as Chunk;
    if (chunk.error !== undefined) trace.ending = { type: "failed", code: chunk.error.code };
    else trace.add(chunk.choices?.[0]?.delta.content ?? "");
    if (act.type !== "leave" || trace.tokens < act.afterTokens || trace.ending !== undefined) continue;
    trace.ending = { type: "left" };
    return leaving.abort();
  }
  trace.ending ??= { type: "broken", words: "the stream just ended" };
}

async function playJob(trace: Trace, urlOf: UrlOf): Promise<void> {
  const { ask } = trace;
  const response = await post(`${urlOf(ask.ingress)}/v1/jobs`, bodyOf(ask));
  trace.id = response.headers.get("x-request-id") ?? undefined;
  if (!response.ok) return readRefusal(trace, response);
  trace.id = ((await response.json()) as Job).id;
  trace.accepted = true;
  const reader = { after: "", leaves: ask.act.type === "leave", cancels: ask.act.type === "cancel" };
  const deadline = performance.now() + patienceMs;
  for (let ingress = ask.ingress + 1; trace.ending === undefined; ingress++) {
    if (performance.now() > deadline) {
      trace.ending = { type: "broken", words: `no end of the job within ${patienceMs} ms` };
      return;
    }
    await readEvents(trace, urlOf(ingress), reader, () => cancelJob(trace, urlOf)).catch(() => undefined);
    trace.returns += 1;
    if (trace.ending === undefined) await sleep(returnMs);
  }
}

/** Reads a job's events until they end, break off, or the client leaves for another ingress. */
async function readEvents(
  trace: Trace,
  url: string,
  reader: { after: string; leaves: boolean; cancels: boolean },
  cancel: () => Promise<void>,
): Promise<void> {
  const headers: Record<string, string> = reader.after === "" ? {} : { "last-event-id": reader.after };
  const leaving = new AbortController();
  const response = await fetch(`${url}/v1/jobs/${trace.id}/events`, { headers, signal: leaving.signal });
  if (response.status === 404) {
    trace.ending = { type: "failed", code: "job_not_found" };
    return;
  }
  if (!response.ok) return void (await response.text());
  for await (const { id, event, data } of sseEvents(response)) {
    if (trace.ending !== undefined)
      trace.problems.push(`something came behind the end: ${data.slice(0, 80)}`);
    if (event === "job.restarted") {
      if (trace.text !== "") trace.problems.push("the answer started over after a part of it was shown");
      trace.text = "";
    } else if (event?.startsWith("job.") === true) {
      readEnd(trace, JSON.parse(data) as Job);
    } else {
      trace.add((JSON.parse(data) as Chunk).choices?.[0]?.delta.content ?? "");
    }
    if (id !== undefined) {
      if (comesBehind(id, reader.after)) reader.after = id;
      else trace.problems.push(`event ${id} came behind ${reader.after}`);
    }
    if (trace.tokens < trace.ask.act.afterTokens || trace.ending !== undefined) continue;
    if (reader.cancels) {
      reader.cancels = false;
      void cancel();
    } else if (reader.leaves) {
      reader.leaves = false;
      return leaving.abort();
    }
  }
}

function readEnd(trace: Trace, job: Job): void {
  if (job.status === "completed") trace.ending = { type: "completed" };
  else if (job.status === "cancelled") trace.ending = { type: "cancelled" };
  else trace.ending = { type: "failed", code: job.error?.code ?? job.status };
  const response = job.response as { choices: { message: { content: string } }[] } | null;
  const told = response?.choices[0]?.message.content;
  if (job.status === "completed" && told !== trace.ask.expected) {
    trace.problems.push("the finished job holds another text than expected");
  }
}

/** Asks until an ingress obeys, or says that the job is over. */
async function cancelJob(trace: Trace, urlOf: UrlOf): Promise<void> {
  for (let ingress = trace.ask.ingress; trace.ending === undefined; ingress++) {
    const status = await post(`${urlOf(ingress)}/v1/jobs/${trace.id}/cancel`, {}).then(
      async (response) => (await response.text(), response.status),
      () => 0,
    );
    if (status === 200 || status === 409) return;
    await sleep(returnMs);
  }
}

function comesBehind(id: string, before: string): boolean {
  const [epoch = 0, seq = 0] = id.split("-").map(Number);
  const [epochBefore = 0, seqBefore = -1] = before === "" ? [] : before.split("-").map(Number);
  return epoch > epochBefore || (epoch === epochBefore && seq > seqBefore);
}
