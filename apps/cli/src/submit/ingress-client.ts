import type { Job, JobSubmission } from "@expert-router/contracts";
import { CommandFailure } from "../command-failure.js";

export interface IngressAddress {
  readonly url: string;
  readonly apiKey?: string | undefined;
  /** Breaks off what is asked. */
  readonly signal?: AbortSignal | undefined;
}

/** `POST /v1/jobs` @throws CommandFailure with what the ingress said. */
export async function submitJob(ingress: IngressAddress, submission: JobSubmission): Promise<Job> {
  return askIngress<Job>(ingress, "/v1/jobs", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(submission),
  });
}

/** `GET /v1/jobs/{id}/events` behind the event `lastEventId`. */
export async function openJobEvents(
  ingress: IngressAddress,
  id: string,
  lastEventId?: string,
): Promise<AsyncIterable<Uint8Array>> {
  const headers: Record<string, string> = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
  return readIngress(ingress, `/v1/jobs/${id}/events`, { headers });
}

/** A route that answers JSON. @throws CommandFailure with what the ingress said. */
export async function askIngress<Answer>(
  ingress: IngressAddress,
  path: string,
  init: RequestInit = {},
): Promise<Answer> {
  const answer = await accepted(ingress, path, init);
  const text = await wholeText(ingress, answer);
  try {
    return JSON.parse(text) as Answer;
  } catch {
    throw new CommandFailure(
      `the server at ${ingress.url} answers no JSON: it is no ingress of Expert Router`,
    );
  }
}

/** A route that answers bytes. @throws CommandFailure with what the ingress said. */
export async function readIngress(
  ingress: IngressAddress,
  path: string,
  init: RequestInit = {},
): Promise<AsyncIterable<Uint8Array>> {
  return readBody(ingress, (await accepted(ingress, path, init)).body);
}

async function wholeText(ingress: IngressAddress, answer: Response): Promise<string> {
  try {
    return await answer.text();
  } catch (error) {
    throw isAborted(ingress) ? error : cutOff(ingress);
  }
}

async function* readBody(ingress: IngressAddress, body: Response["body"]): AsyncGenerator<Uint8Array> {
  try {
    yield* (body ?? []) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw isAborted(ingress) ? error : cutOff(ingress);
  }
}

function isAborted({ signal }: IngressAddress): boolean {
  return signal?.aborted === true;
}

function cutOff({ url }: IngressAddress): UnreachableError {
  return new UnreachableError(`the connection to ${url} was cut off`);
}

/** The ingress cannot be reached at this moment. */
export class UnreachableError extends CommandFailure {}

/** Whether it may answer if it is asked again: an ingress that restarts answers nothing for a while, or 503. */
export function mayPass(error: unknown): boolean {
  return error instanceof UnreachableError || (error instanceof RefusedError && error.status >= 500);
}

/** The ingress answered with an error; the message begins with its code. */
export class RefusedError extends CommandFailure {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

async function accepted(ingress: IngressAddress, path: string, init: RequestInit): Promise<Response> {
  const answer = await request(ingress, path, init);
  if (!answer.ok) throw refusal(answer.status, await wholeText(ingress, answer));
  return answer;
}

async function request(ingress: IngressAddress, path: string, init: RequestInit): Promise<Response> {
  const { url, apiKey, signal } = ingress;
  const headers = new Headers(init.headers);
  if (apiKey !== undefined) headers.set("authorization", `Bearer ${apiKey}`);
  try {
    return await fetch(new URL(path, url), { ...init, headers, ...(signal && { signal }) });
  } catch (error) {
    if (isAborted(ingress)) throw error;
    const { cause } = error as Error;
    const why = cause instanceof Error && cause.message !== "" ? ` (${cause.message})` : "";
    throw new UnreachableError(
      `no ingress answers at ${url}${why}; 'expert-router up' starts one, --url names another`,
    );
  }
}

function refusal(status: number, text: string): RefusedError {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    return new RefusedError(status, `${error.code}: ${error.message}`);
  } catch {
    return new RefusedError(status, `the server answered ${status}: ${text.slice(0, 200)}`);
  }
}
