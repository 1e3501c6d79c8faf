import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { CodedError, isRequestId } from "@expert-router/contracts";
import type { KeyClaim } from "@expert-router/token-stream";
import { Inject, Injectable } from "@nestjs/common";
import { toCodedError } from "../http/error-answer.js";
import { INGRESS_CONTEXT, INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import type { IngressPorts } from "../wiring/ports.js";

/** Between two looks at a key whose work somebody else is making, and how long one is looked at. */
const busyLookMs = 25;
const maxBusyMs = 30_000;

/** A request that has an Idempotency-Key. */
export type KeyedRequest = Pick<KeyClaim, "tenant" | "key" | "fingerprint" | "id" | "ttlMs">;

/** What a key stands for. */
export interface Work<Result> {
  /** What is there under `id`; undefined: nothing, or it is forgotten, or it failed in a way that trying again may cure. */
  find(id: string): Promise<Result | undefined>;
  /** Makes it under `id`; once it resolves, {@link find} finds it in every process. Made twice, it is made once. */
  make(id: string): Promise<Result>;
  /** It was found half made: its owner has died. Completes it. */
  adopt?(found: Result): Promise<void>;
}

/** Does the work of a key once, whoever sends it, how often, to which replica. */
@Injectable()
export class IdempotentWork {
  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
  ) {}

  /**
   * Makes the work of a key, or finds what was made.
   * @throws CodedError `idempotency_key_reused`, `idempotency_key_in_use`, and what `work` throws.
   */
  async once<Result>(
    request: KeyedRequest,
    work: Work<Result>,
  ): Promise<{ result: Result; repeated: boolean }> {
    const keys = this.ports.idempotencyKeys;
    let claim: KeyClaim = { ...request, owner: randomUUID() };
    const giveUpAtMs = Date.now() + maxBusyMs;
    for (;;) {
      const claimed = await keys.claim(claim);
      if (claimed.state === "mine") return this.carryOut(claim, claimed.id, work);
      if (claimed.state === "other") {
        if (claimed.id === undefined || !(await this.isForgotten(claimed.id))) throw reused();
        claim = { ...claim, replaces: claimed.id };
      } else if (claimed.state === "made") {
        const found = await work.find(claimed.id);
        if (found !== undefined) return { result: found, repeated: true };
        claim = { ...claim, replaces: claimed.id };
      } else {
        if (Date.now() > giveUpAtMs) throw inUse();
        await sleep(busyLookMs);
      }
    }
  }

  /** Whether a key that stands for a request has outlived it. A batch is known as long as its key. */
  private async isForgotten(id: string): Promise<boolean> {
    return isRequestId(id) && (await this.ports.store.readMany([id]))[0] === undefined;
  }

  private async carryOut<Result>(
    claim: KeyClaim,
    id: string,
    work: Work<Result>,
  ): Promise<{ result: Result; repeated: boolean }> {
    const found = id === claim.id ? undefined : await work.find(id);
    try {
      if (found !== undefined) await work.adopt?.(found);
      const result = found ?? (await work.make(id));
      // Without this the next one comes here once the lease is over, and finds the work.
      await this.tell(claim, this.ports.idempotencyKeys.made(claim));
      return { result, repeated: found !== undefined };
    } catch (error) {
      // What was refused is free again. What failed may be there in part: the next one carries it on under its id.
      if (isRefusal(error)) await this.tell(claim, this.ports.idempotencyKeys.release(claim));
      throw error;
    }
  }

  private async tell(claim: KeyClaim, told: Promise<void>): Promise<void> {
    await told.catch((error: unknown) =>
      this.context.logger.debug({ requestId: claim.id, err: error }, "a key's end could not be told"),
    );
  }
}

function isRefusal(error: unknown): boolean {
  const { code } = toCodedError(error);
  return code !== "redis_unavailable" && code !== "file_store_unavailable" && code !== "internal_error";
}

function reused(): CodedError {
  const message = "This Idempotency-Key was used for another request. Use a new key for a new request.";
  return new CodedError("idempotency_key_reused", message, { param: "Idempotency-Key" });
}

function inUse(): CodedError {
  const message = "A request with this Idempotency-Key is being accepted. Please try again.";
  return new CodedError("idempotency_key_in_use", message, { param: "Idempotency-Key", retryAfterS: 1 });
}
