import { redisKeys, type ControlMessage } from "@expert-router/contracts";
import type { Redis } from "ioredis";

/**
 * Hears what ingresses tell the workers of an expert. `subscriber` is a connection of its own; `missed` is called when
 * it was away for a while, because pub/sub keeps nothing for those who are not there. The same connection shows that the
 * worker is there: Redis drops its subscriptions at once when the process dies.
 */
export async function listenToControl(
  subscriber: Redis,
  { expert, workerId }: { readonly expert: string; readonly workerId: string },
  hear: (message: ControlMessage) => void,
  missed: () => void,
): Promise<void> {
  subscriber.on("message", (_channel: string, message: string) =>
    hear(JSON.parse(message) as ControlMessage),
  );
  await subscriber.subscribe(redisKeys.controlChannel(expert), redisKeys.presenceChannel(workerId));
  subscriber.on("ready", missed);
}
