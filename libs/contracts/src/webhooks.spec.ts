import { describe, expect, it } from "vitest";
import { isWebhookSecret } from "./webhooks.js";

const secretOf = (bytes: number): string => `whsec_${Buffer.alloc(bytes, 251).toString("base64")}`;

describe("isWebhookSecret", () => {
  it.each([24, 25, 26, 32, 63, 64])("takes %s bytes", (bytes) => {
    expect(isWebhookSecret(secretOf(bytes))).toBe(true);
  });

  it.each([0, 1, 23, 65, 66, 1_000])("does not take %s bytes", (bytes) => {
    expect(isWebhookSecret(secretOf(bytes))).toBe(false);
  });

  it.each([
    ["without the prefix", secretOf(32).slice("whsec_".length)],
    ["with another one", secretOf(32).replace("whsec_", "WHSEC_")],
    ["without padding", secretOf(32).replace(/=+$/, "")],
    ["with too much padding", `${secretOf(32)}=`],
    ["with padding that none needs", `${secretOf(24)}==`],
    ["with bits behind the last byte", secretOf(32).replace(/.=$/, "9=")],
    ["with a character cut off", secretOf(24).slice(0, -1)],
    ["in base64 for URLs", secretOf(24).replaceAll("+", "-").replaceAll("/", "_")],
    ["with space around it", ` ${secretOf(32)}\n`],
    ["with a line end behind it", `${secretOf(32)}\n`],
  ])("does not take one %s", (_, secret) => {
    expect(isWebhookSecret(secret)).toBe(false);
  });
});
