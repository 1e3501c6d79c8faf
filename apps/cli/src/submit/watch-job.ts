import { setTimeout as sleep } from "node:timers/promises";
import type { Job } from "@expert-router/contracts";
import { mayPass, openJobEvents, UnreachableError, type IngressAddress } from "./ingress-client.js";
import { serverSentEvents, type ServerSentEvent } from "./server-sent-events.js";

export interface WatchOptions {
  readonly ingress: IngressAddress;
  readonly id: string;
  /** Hears the answer's text, piece by piece. */
  readonly onText: (text: string) => void;
  /** Hears that what came before is void. */
  readonly onRestart: () => void;
}

/** How often in a row a connection may bring nothing before the watch ends. */
const maxFruitlessTries = 20;

/** Follows a job to its end, through lost connections and restarts of the ingress. */
export async function watchJob(options: WatchOptions): Promise<Job> {
  let lastEventId: string | undefined;
  for (let fruitless = 0; ; fruitless++) {
    try {
      for await (const event of serverSentEvents(
        await openJobEvents(options.ingress, options.id, lastEventId),
      )) {
        const end = handle(event, options);
        if (end !== undefined) return end;
        lastEventId = event.id ?? lastEventId;
        fruitless = 0;
      }
    } catch (error) {
      if (!mayPass(error) || fruitless >= maxFruitlessTries) throw error;
    }
    if (fruitless >= maxFruitlessTries)
      throw new UnreachableError(`the events of ${options.id} stopped coming`);
    await sleep(Math.min(100 * 2 ** fruitless, 2_000));
  }
}

/** The job, if the event is its end. */
function handle({ event, data }: ServerSentEvent, { onText, onRestart }: WatchOptions): Job | undefined {
  if (event === "job.restarted") onRestart();
  else if (event.startsWith("job.")) return JSON.parse(data) as Job;
  else if (event === "message" && data !== "[DONE]") {
    const text = textOf(JSON.parse(data) as Chunk);
    if (text !== "") onText(text);
  }
  return undefined;
}

interface Chunk {
  readonly choices?: readonly {
    readonly text?: string;
    readonly delta?: { readonly content?: string | null };
  }[];
}

/** Text that a chunk of a chat or a completion adds to the first choice. */
function textOf({ choices }: Chunk): string {
  return choices?.[0]?.delta?.content ?? choices?.[0]?.text ?? "";
}
