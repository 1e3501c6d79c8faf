import { isPortFree } from "@expert-router/redis-server";
import type { CheckResult } from "./check-result.js";

const leastNode = { major: 20, minor: 19 };

/** Whether this Node is recent enough. */
export function checkNode(version: string = process.versions.node): CheckResult {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const recent = major > leastNode.major || (major === leastNode.major && minor >= leastNode.minor);
  if (recent) return { name: "node", status: "ok", detail: version };
  return {
    name: "node",
    status: "fail",
    detail: `${version} is too old: ${leastNode.major}.${leastNode.minor} or later is needed`,
  };
}

/** Whether an ingress runs on the port, or could. */
export async function checkPort(host: string, port: number, ingressRuns: boolean): Promise<CheckResult> {
  const name = "port";
  if (ingressRuns) return { name, status: "ok", detail: `an ingress listens on ${host}:${port}` };
  try {
    if (await isPortFree(port, host)) return { name, status: "ok", detail: `${host}:${port} is free` };
    return {
      name,
      status: "fail",
      detail: `${host}:${port} is taken by another program; PORT names another one`,
    };
  } catch (error) {
    return {
      name,
      status: "fail",
      detail: `${host}:${port} cannot be listened on: ${(error as Error).message}`,
    };
  }
}
