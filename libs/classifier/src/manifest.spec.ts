import { describe, expect, it } from "vitest";
import { parseManifest } from "./manifest.js";

describe("parseManifest", () => {
  it("tells broken, foreign and outdated files apart", () => {
    expect(() => parseManifest("{")).toThrow(/router.json is not JSON/);
    expect(() => parseManifest('{"format": 99}')).toThrow(/format 99, this version reads 2: train again/);
    expect(() => parseManifest('{"format": 2, "files": {}}')).toThrow(/version: .*files.router\.onnx: /s);
    expect(() => parseManifest("[]")).toThrow(/not a router manifest/);
  });
});
