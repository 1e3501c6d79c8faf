import { Agent, request } from "undici";
import { attemptsAtOnce } from "./attempts-under-way.js";
import { systemResolve } from "./host-addresses.js";
import { AddressRefused, isPublicAddress, literalAddress, lookupBy, publicLookup } from "./public-address.js";
import { signedHeaders } from "./signature.js";

/** Settings of a {@link WebhookSender}. */
export interface SenderOptions {
  /** For connection, headers and body of the answer together. */
  readonly timeoutMs: number;
  /** Also to addresses that are not public. */
  readonly allowPrivate: boolean;
  /** Also without TLS. */
  readonly allowHttp: boolean;
}

/** One message to one receiver. */
export interface WebhookMessage {
  readonly url: string;
  readonly secret: string;
  readonly id: string;
  readonly payload: string;
  /** Breaks it off. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What became of one attempt. `delivered`: any 2xx. `gone`: the receiver wants no more (410). `refused`: it may not be sent
 * there. `failed`: to be tried again. `interrupted`: we broke it off, so it says nothing about the receiver. No message holds
 * what the receiver wrote.
 */
export interface SendResult {
  readonly outcome: "delivered" | "gone" | "refused" | "failed" | "interrupted";
  readonly status?: number | undefined;
  readonly error?: string | undefined;
  readonly durationMs: number;
}

/** Bytes of an answer that are read, so that its connection can be used again; a longer one costs the connection. */
const maxAnswerBytes = 16_384;

/** Sends webhooks: signed, to public addresses, without following redirects. */
export class WebhookSender {
  private readonly agent: Agent;

  constructor(private readonly options: SenderOptions) {
    this.agent = new Agent({
      connections: attemptsAtOnce.atReceiver,
      connect: {
        timeout: options.timeoutMs,
        lookup: options.allowPrivate ? lookupBy(systemResolve()) : publicLookup(),
      },
      maxResponseSize: maxAnswerBytes,
    });
  }

  async send({ url, secret, id, payload, signal: interruption }: WebhookMessage): Promise<SendResult> {
    const startedAtMs = Date.now();
    const result = (rest: Omit<SendResult, "durationMs">): SendResult => ({
      ...rest,
      durationMs: Date.now() - startedAtMs,
    });
    const refusal = this.refusalOf(new URL(url));
    if (refusal !== undefined) return result({ outcome: "refused", error: refusal });
    const signals = [AbortSignal.timeout(this.options.timeoutMs), ...(interruption ? [interruption] : [])];
    const signal = AbortSignal.any(signals);
    try {
      const { statusCode, body } = await request(url, {
        method: "POST",
        dispatcher: this.agent,
        headers: {
          "content-type": "application/json",
          "user-agent": "expert-router-webhooks",
          ...signedHeaders({ id, timestampS: Math.floor(startedAtMs / 1_000), payload }, secret),
        },
        body: payload,
        signal,
      });
      // The status is the answer, whatever becomes of the rest.
      await body.dump({ limit: maxAnswerBytes, signal }).catch(() => undefined);
      if (statusCode >= 200 && statusCode < 300) return result({ outcome: "delivered", status: statusCode });
      return result({ outcome: statusCode === 410 ? "gone" : "failed", status: statusCode });
    } catch (error) {
      if (interruption?.aborted === true) return result({ outcome: "interrupted" });
      if (isRefusal(error)) return result({ outcome: "refused", error: "the host has no public address" });
      return result({ outcome: "failed", error: reasonOf(error, this.options.timeoutMs) });
    }
  }

  /** Closes its connections; what is under way fails. */
  async close(): Promise<void> {
    await this.agent.destroy();
  }

  private refusalOf(url: URL): string | undefined {
    const { allowHttp, allowPrivate } = this.options;
    if (url.protocol !== "https:" && !(allowHttp && url.protocol === "http:")) return "not an https URL";
    const literal = literalAddress(url);
    return literal === undefined || allowPrivate || isPublicAddress(literal)
      ? undefined
      : "not a public address";
  }
}

function isRefusal(error: unknown): boolean {
  if (error instanceof AddressRefused) return true;
  if (error instanceof AggregateError) return error.errors.some(isRefusal);
  return error instanceof Error && error.cause !== undefined && isRefusal(error.cause);
}

/** What a client may read about it: the code, no message, because that can name addresses of our network. */
function reasonOf(error: unknown, timeoutMs: number): string {
  const { name, code } = error as { name?: string; code?: string };
  if (name === "TimeoutError" || code === "UND_ERR_CONNECT_TIMEOUT")
    return `no answer within ${timeoutMs} ms`;
  return typeof code === "string" && /^[A-Z_0-9]+$/.test(code) ? code : "the connection failed";
}
