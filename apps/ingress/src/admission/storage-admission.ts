import { CodedError, type RequestRecord } from "@expert-router/contracts";
import { Inject, Injectable } from "@nestjs/common";
import { repeat, type RepeatingTask } from "../experts/repeating-task.js";
import { INGRESS_CONTEXT, INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import type { IngressPorts } from "../wiring/ports.js";

const countMs = 1_000;
const bytesPerMb = 1_048_576;
/** Part of Redis's own bound that new work may fill; the rest is for the answers that are under way. */
const shareOfMaxmemory = 0.8;
/** The same of the machine's memory where Redis has no bound; others live there too, and a fork copies. */
const shareOfMachine = 0.5;
const storeFullRetryS = 5;
const maxRetryAfterS = 3_600;

/** Refuses new work while what is stored, in all or of one tenant, is beyond its bound. */
@Injectable()
export class StorageAdmission {
  private full = false;
  private counting: RepeatingTask | undefined;

  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
  ) {}

  async start(): Promise<void> {
    // Redis away is told by others.
    const onError = (error: unknown): void => this.context.logger.debug({ err: error }, "bytes not counted");
    await this.count().catch(onError);
    this.counting = repeat(countMs, () => this.count(), onError);
  }

  stop(): void {
    this.counting?.stop();
  }

  /** Nothing new may be stored at the moment. */
  get isFull(): boolean {
    return this.full;
  }

  /**
   * Counts a request with a body of `bytes` in.
   * @throws CodedError `store_full` or `tenant_store_full`
   */
  admit({ tenant, kind }: RequestRecord, bytes: number): void {
    if (this.full) {
      const message = "The queue's store is full. Please try again later.";
      throw new CodedError("store_full", message, { retryAfterS: storeFullRetryS });
    }
    const { maxTenantMb } = this.context.settings.system.limits;
    const stored = this.ports.storedBytes.total(tenant);
    if (stored.bytes + bytes > maxTenantMb * bytesPerMb) {
      const message = `More than ${maxTenantMb} MB of requests and answers are stored for you. Please try again later.`;
      const retryAfterS = Math.min(maxRetryAfterS, Math.max(1, Math.ceil(stored.firstExpiryMs / 1_000)));
      throw new CodedError("tenant_store_full", message, { retryAfterS });
    }
    if (kind !== "batch") this.ports.storedBytes.add(tenant, kind, bytes);
  }

  private async count(): Promise<void> {
    const [memory] = await Promise.all([this.ports.storeMemory(), this.ports.storedBytes.count()]);
    const { maxStoredMb } = this.context.settings.system.limits;
    const own =
      memory.maxBytes > 0 ? memory.maxBytes * shareOfMaxmemory : memory.machineBytes * shareOfMachine;
    const bound = maxStoredMb === undefined ? own : maxStoredMb * bytesPerMb;
    const full = bound > 0 && memory.usedBytes > bound;
    if (full !== this.full)
      this.context.logger.warn(
        { usedBytes: memory.usedBytes, bound },
        full ? "the store is full" : "the store has room",
      );
    this.full = full;
  }
}
