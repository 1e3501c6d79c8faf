import type { RedisFollowerRegistry } from "@expert-router/token-stream";

/** Times of an {@link AbsentFollowers}. */
export interface AbsenceTimes {
  /** Between two looks. */
  readonly lookMs: number;
  /** An ingress whose last beat is older is not there. */
  readonly patienceMs: number;
}

const defaultTimes: AbsenceTimes = { lookMs: 1_000, patienceMs: 10_000 };
/** Looks in a row that must miss an ingress: after an outage of Redis, all of them need a moment to beat again. */
const looksToBeAbsent = 3;
/** Ingresses remembered; far more than ever run. */
const maxChannels = 10_000;

interface Watched {
  readonly channels: readonly string[];
  readonly onAbsent: () => void;
}

/**
 * Which live channels nobody listens to any more, because their ingress was killed. A request that a client waits for
 * at an open connection dies with that connection, and an ingress that is gone cannot say so.
 */
export class AbsentFollowers {
  /** Live channel → looks in a row that missed it. */
  private readonly misses = new Map<string, number>();
  private readonly watched = new Set<Watched>();
  private timer: NodeJS.Timeout | undefined;
  private looking = false;

  constructor(
    private readonly registry: Pick<RedisFollowerRegistry, "alive">,
    private readonly onError: (error: unknown) => void,
    private readonly times: AbsenceTimes = defaultTimes,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.look(), this.times.lookMs);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Calls `onAbsent` once when no process listens to any of `channels`, at once if that is known. Answers how to stop. */
  watch(channels: readonly string[], onAbsent: () => void): () => void {
    // Nobody asked to hear of it at all: it is no request of a waiting client.
    if (channels.length === 0) return () => undefined;
    for (const channel of channels) {
      if (!this.misses.has(channel) && this.misses.size < maxChannels) this.misses.set(channel, 0);
    }
    const watched = { channels, onAbsent };
    if (this.areAbsent(channels)) onAbsent();
    else this.watched.add(watched);
    return () => this.watched.delete(watched);
  }

  private async look(): Promise<void> {
    // While Redis is away one look waits for it.
    if (this.misses.size === 0 || this.looking) return;
    this.looking = true;
    try {
      const alive = new Set(await this.registry.alive(this.times.patienceMs));
      for (const [channel, misses] of this.misses)
        this.misses.set(channel, alive.has(channel) ? 0 : misses + 1);
    } catch (error) {
      // What was missed before must be missed again.
      for (const channel of this.misses.keys()) this.misses.set(channel, 0);
      return this.onError(error);
    } finally {
      this.looking = false;
    }
    for (const watched of this.watched) {
      if (!this.areAbsent(watched.channels)) continue;
      this.watched.delete(watched);
      watched.onAbsent();
    }
  }

  private areAbsent(channels: readonly string[]): boolean {
    return channels.every((channel) => (this.misses.get(channel) ?? 0) >= looksToBeAbsent);
  }
}
