import type { LinePlace } from "@expert-router/batch";

/** Numbers that a place takes. */
const numbersOfPlace = 3;

/** Lines that wait for room at their experts. Only their places are kept, so that a whole file of them takes little memory. */
export class HeldBackLines {
  private readonly byExpert = new Map<string, number[]>();
  private total = 0;

  /** How many there are. */
  get size(): number {
    return this.total;
  }

  /** Experts that some of them wait for. */
  get experts(): string[] {
    return [...this.byExpert.keys()];
  }

  /** How many wait for an expert. */
  of(expert: string): number {
    return (this.byExpert.get(expert)?.length ?? 0) / numbersOfPlace;
  }

  add(expert: string, { line, offset, bytes }: LinePlace): void {
    let numbers = this.byExpert.get(expert);
    if (numbers === undefined) this.byExpert.set(expert, (numbers = []));
    numbers.push(line, offset, bytes);
    this.total += 1;
  }

  /** Takes out those that have waited longest: `lines` at most, and as many as it takes to reach `bytes` together. */
  take(expert: string, most: { readonly lines: number; readonly bytes: number }): LinePlace[] {
    const numbers = this.byExpert.get(expert) ?? [];
    const places: LinePlace[] = [];
    let bytes = 0;
    for (let at = 0; at < numbers.length; at += numbersOfPlace) {
      if (places.length >= most.lines || bytes >= most.bytes) break;
      const place = { line: numbers[at]!, offset: numbers[at + 1]!, bytes: numbers[at + 2]! };
      bytes += place.bytes;
      places.push(place);
    }
    numbers.splice(0, places.length * numbersOfPlace);
    if (numbers.length === 0) this.byExpert.delete(expert);
    this.total -= places.length;
    return places;
  }
}
