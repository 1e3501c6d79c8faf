import type { Job, JobSubmission } from "@expert-router/contracts";
import { CommandFailure } from "../command-failure.js";

export interface IngressAddress {
  readonly url: string;
  readonly apiKey?: string | undefined;
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
  return (await (await accepted(ingress, path, init)).json()) as Answer;
}

/** A route that answers bytes. @throws CommandFailure with what the ingress said. */
export async function readIngress(
  ingress: IngressAddress,
  path: string,
  init: RequestInit = {},
): Promise<AsyncIterable<Uint8Array>> {
  return (await accepted(ingress, path, init)).body as unknown as AsyncIterable<Uint8Array>;
}

/** The ingress cannot be reached at this moment. */
export class UnreachableError extends CommandFailure {}

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
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

async function request({ url, apiKey }: IngressAddress, path: string, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  if (apiKey !== undefined) headers.set("authorization", `Bearer ${apiKey}`);
  try {
    return await fetch(new URL(path, url), { ...init, headers });
  } catch {
    throw new UnreachableError(
      `no ingress answers at ${url}; 'expert-router up' starts one, --url names another`,
    );
  }
}

async function refusal(answer: Response): Promise<CommandFailure> {
  const text = await answer.text();
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    return new RefusedError(answer.status, `${error.code}: ${error.message}`);
  } catch {
    return new RefusedError(answer.status, `the server answered ${answer.status}: ${text.slice(0, 200)}`);
  }
}
