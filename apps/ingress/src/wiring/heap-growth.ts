import { setFlagsFromString } from "node:v8";

/**
 * Makes V8 collect the old generation when it has grown by half. By itself V8 waits until it is about four times what lives, and the requests
 * of a batch live just long enough to get there: 100 MB of what nobody needs any more.
 */
export function boundHeapGrowth(): void {
  setFlagsFromString("--heap-growing-percent=50");
}
