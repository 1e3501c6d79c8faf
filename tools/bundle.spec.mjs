import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { describeInputs, isBundleFresh, stampFile } from "../apps/cli/bin/bundle-stamp.mjs";

let root;

function write(path, text) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "expert-router-bundle-"));
  write("apps/cli/dist/.tsbuildinfo", "cli");
  write("libs/queue/dist/.tsbuildinfo", "queue");
  write("package-lock.json", "{}");
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

describe("the stamp of the bundle", () => {
  it("is missed where there is no bundle, or one that is half-written", () => {
    expect(isBundleFresh(root)).toBe(false);
  });

  it.each([
    ["a library is compiled again", () => write("libs/queue/dist/.tsbuildinfo", "queue, changed")],
    ["a library comes", () => write("libs/batch/dist/.tsbuildinfo", "batch")],
    ["a library goes", () => rmSync(join(root, "libs/queue"), { recursive: true })],
    ["packages change", () => write("package-lock.json", '{ "a": 1 }')],
    ["only a date changes", () => utimesSync(join(root, "libs/queue/dist/.tsbuildinfo"), 1, 1)],
  ])("is out of date when %s", (_what, change) => {
    write(stampFile, describeInputs(root));
    expect(isBundleFresh(root)).toBe(true);
    change();
    expect(isBundleFresh(root)).toBe(false);
  });
});
