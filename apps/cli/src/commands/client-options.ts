import { readClientSettings } from "@expert-router/config";
import { Option } from "commander";
import type { IngressAddress } from "../submit/ingress-client.js";

/** `--url` of the commands that speak to an ingress. */
export function urlOption(): Option {
  return new Option("--url <url>", "the ingress (http://HOST:PORT)");
}

/** What the help of those commands says about keys. */
export const keyHelp = "The first key of EXPERT_ROUTER_API_KEYS is shown to the ingress.";

/** The ingress that options and environment name. */
export function ingressAddress(options: { readonly url?: string }): IngressAddress {
  const settings = readClientSettings();
  return { ...settings, url: options.url ?? settings.url };
}

/** `--json` output. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}
