/** An exponentially weighted mean rate; right from the first interval on, because the missing past has no weight. */
export class SmoothedRate {
  private mean = 0;
  private weight = 0;
  private count = 0;

  /** `memoryS`: seconds after which a measurement counts for 1/e. */
  add(events: number, seconds: number, memoryS: number): void {
    const keep = Math.exp(-seconds / memoryS);
    const old = this.weight * keep;
    this.weight = old + (1 - keep);
    this.mean = (this.mean * old + (events / seconds) * (1 - keep)) / this.weight;
    this.count = this.count * keep + events;
  }

  /** Time passes in which nothing can be measured: what is known stays, and yields sooner to what comes. */
  age(seconds: number, memoryS: number): void {
    const keep = Math.exp(-seconds / memoryS);
    this.weight *= keep;
    this.count *= keep;
  }

  /** What was measured has no more weight than `share` of the memory: something new begins. */
  limitPast(share: number): void {
    if (this.weight <= share) return;
    this.count *= share / this.weight;
    this.weight = share;
  }

  /** Undefined until there was anything to measure. */
  get perS(): number | undefined {
    return this.weight === 0 ? undefined : this.mean;
  }

  /** Events that the mean is made of, the old ones for less than one. */
  get events(): number {
    return this.count;
  }

  /** How much of the memory was filled by measuring, 0 to 1. */
  get filled(): number {
    return this.weight;
  }
}
