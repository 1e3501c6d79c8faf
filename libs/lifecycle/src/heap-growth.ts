import { setFlagsFromString } from "node:v8";

/**
 * Has V8 collect the whole heap once it is half as large again as what was alive the last time. By itself it lets the heap of a
 * process that has just begun grow fourfold. To be called before much is loaded.
 */
export function boundHeapGrowth(): void {
  setFlagsFromString("--heap-growing-percent=50");
}
