import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { FaultPlan } from "./fault.js";
import { defaultEngineSimOptions, servedModelName, type EngineSimOptions } from "./sim-options.js";
import { SimServer } from "./sim-server.js";

/** A running simulator. */
export interface EngineSim {
  /** `http://host:port`, without a slash behind it. */
  readonly url: string;
  readonly port: number;
  readonly model: string;
  /** Ends at once: cuts what is under way. */
  close(): Promise<void>;
}

/** Starts a simulated inference server. Rejects when the port is taken. */
export async function runEngineSim(options: Partial<EngineSimOptions> = {}): Promise<EngineSim> {
  const asked = { ...defaultEngineSimOptions, ...options };
  const effective = { ...asked, model: servedModelName(asked.model) };
  const faults = new FaultPlan(effective.failureInjectionRate, effective.failureTypes, effective.seed);
  const server = new SimServer(effective, faults, () => performance.now());
  server.http.listen({ port: effective.port, host: effective.host, backlog: 4096 });
  await once(server.http, "listening");
  const { port } = server.http.address() as AddressInfo;
  return {
    url: `http://${effective.host.includes(":") ? `[${effective.host}]` : effective.host}:${port}`,
    port,
    model: effective.model,
    close: async () => {
      const closed = once(server.http, "close");
      server.stop();
      await closed;
    },
  };
}
