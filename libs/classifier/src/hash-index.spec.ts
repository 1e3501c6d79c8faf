import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HashIndex } from "./hash-index.js";

describe("HashIndex", () => {
  it("numbers hashes like a Map, also through doubling and collisions", () => {
    const colliding = fc.integer({ min: 0, max: 40 }).map((n) => n * 0x10000);
    fc.assert(
      fc.property(fc.array(fc.oneof(colliding, fc.integer({ min: 0, max: 0xffff_ffff }))), (hashes) => {
        const index = new HashIndex(1);
        const model = new Map<number, number>();
        for (const hash of hashes) {
          if (!model.has(hash)) expect(index.get(hash)).toBe(-1);
          if (!model.has(hash)) model.set(hash, model.size);
          expect(index.add(hash)).toBe(model.get(hash));
        }
        for (const [hash, number] of model) expect(index.get(hash)).toBe(number);
        expect(index.size).toBe(model.size);
      }),
    );
  });

  it("a hash that is put twice keeps its first number, and later ones keep theirs", () => {
    const index = new HashIndex(4);
    for (const [number, hash] of [7, 9, 7, 11].entries()) index.put(hash, number);
    expect([7, 9, 11].map((hash) => index.get(hash))).toEqual([0, 1, 3]);
  });
});
