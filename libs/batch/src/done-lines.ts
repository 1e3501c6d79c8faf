import type { ChunkHeader } from "./result-chunk.js";

/** Which lines have a result: a bit a line. */
export class DoneLines {
  private bits = new Uint8Array(1_024);
  private size = 0;

  /** Lines in it. */
  get count(): number {
    return this.size;
  }

  has(line: number): boolean {
    return ((this.bits[line >> 3] ?? 0) & (1 << (line & 7))) !== 0;
  }

  add(line: number): void {
    if (this.has(line)) return;
    const at = line >> 3;
    if (at >= this.bits.length) {
      const larger = new Uint8Array(Math.max(2 * this.bits.length, at + 1));
      larger.set(this.bits);
      this.bits = larger;
    }
    this.bits[at]! |= 1 << (line & 7);
    this.size += 1;
  }

  addChunk({ lines }: Pick<ChunkHeader, "lines">): void {
    for (const [first, last] of lines) for (let line = first; line <= last; line++) this.add(line);
  }
}
