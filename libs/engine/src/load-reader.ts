import { metricsPath, readLoad, readSlots, type EngineLoad, type LoadPages } from "./engine-load.js";
import type { Upstream } from "./upstream.js";

/** A page that a server does not have, or that says nothing, is asked for again after so long. */
const missingPauseMs = 60_000;

/** Asks one server for its load. */
export class LoadReader {
  private slots: number | undefined;
  private readonly notBeforeMs = new Map<string, number>();

  constructor(
    private readonly upstream: Upstream,
    private readonly pages: LoadPages,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Undefined where it cannot be told. Never throws. */
  async read(timeoutMs: number): Promise<EngineLoad | undefined> {
    const { slots } = this.pages;
    if (slots !== undefined && this.slots === undefined)
      this.slots = await this.ask(slots.path, timeoutMs, (page) => readSlots(page, slots.field));
    const load = await this.ask(metricsPath, timeoutMs, (page) => readLoad(page, this.pages));
    return load === undefined && this.slots === undefined ? undefined : { ...load, slots: this.slots };
  }

  private async ask<Value>(
    path: string,
    timeoutMs: number,
    read: (page: string) => Value | undefined,
  ): Promise<Value | undefined> {
    if (this.now() < (this.notBeforeMs.get(path) ?? 0)) return undefined;
    const page = await this.upstream.page(path, timeoutMs);
    // A server that is busy or away may have it the next time.
    if (page === undefined) return undefined;
    const value = page === "missing" ? undefined : read(page.text);
    if (value === undefined) this.notBeforeMs.set(path, this.now() + missingPauseMs);
    return value;
  }
}
