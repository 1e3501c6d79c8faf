import { pipeline } from "node:stream/promises";
import { readClientSettings } from "@expert-router/config";
import { Option } from "commander";
import { CommandFailure } from "../command-failure.js";
import type { IngressAddress } from "../submit/ingress-client.js";

/** `--url` of the commands that speak to an ingress. */
export function urlOption(): Option {
  return new Option("--url <url>", "the ingress (http://HOST:PORT)");
}

/** What the help of those commands says about keys. */
export const keyHelp = "The first key of EXPERT_ROUTER_API_KEYS is shown to the ingress.";

/** The ingress that options and environment name. @throws CommandFailure where that is no URL. */
export function ingressAddress(options: { readonly url?: string }): IngressAddress {
  const settings = readClientSettings();
  const url = options.url ?? settings.url;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new CommandFailure(`--url: '${url}' is no URL; expected http://HOST:PORT`, 2);
  return { ...settings, url };
}

/** Exit code of a process that Ctrl-C ended. */
export const interruptedCode = 130;

/** Writes to standard output as fast as it is read; a reader that has enough, as `head`, ends it. */
export async function printBytes(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    await pipeline(bytes, process.stdout, { end: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
  }
}

/** `--json` output. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}
