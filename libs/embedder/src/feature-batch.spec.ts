import { expect, it } from "vitest";
import { FeatureBatch } from "./feature-batch.js";

const add = (batch: FeatureBatch, size: number, id: number): void =>
  batch.add(new Int32Array(size).fill(id), new Float32Array(size).fill(id / 2), size);

it("pads with zeros, whatever an earlier batch left behind, and grows", () => {
  const batch = new FeatureBatch();
  add(batch, 300_000, 7);
  expect(batch.tensors().ids.data).toHaveLength(300_000);
  batch.clear();
  add(batch, 3, 9);
  add(batch, 3, 9);
  batch.tensors();
  batch.clear();
  add(batch, 1, 2);
  add(batch, 0, 0);
  add(batch, 2, 4);
  const { ids, weights } = batch.tensors();
  expect(ids.dims).toEqual([3, 2]);
  expect([...(ids.data as Int32Array)]).toEqual([2, 0, 0, 0, 4, 4]);
  expect(weights.dims).toEqual([3, 1, 2]);
  expect([...(weights.data as Float32Array)]).toEqual([1, 0, 0, 0, 2, 2]);
});

it("holds a place for each text even if none has a feature", () => {
  const batch = new FeatureBatch();
  add(batch, 0, 0);
  expect(batch.tensors().ids.dims).toEqual([1, 1]);
});
