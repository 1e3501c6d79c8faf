import { redisKeys, type ControlMessage } from "@expert-router/contracts";
import type { Redis } from "ioredis";

/**
 * Hears what ingresses tell the workers of an expert. `subscriber` is a connection of its own; `missed` is called when
 * it was away for a while, because pub/sub keeps nothing for those who are not there.
 */
export async function listenToControl(
  subscriber: Redis,
  expert: string,
  hear: (message: ControlMessage) => void,
  missed: () => void,
): Promise<void> {
  subscriber.on("message", (_channel: string, message: string) =>
    hear(JSON.parse(message) as ControlMessage),
  );
  await subscriber.subscribe(redisKeys.controlChannel(expert));
  subscriber.on("ready", missed);
}
