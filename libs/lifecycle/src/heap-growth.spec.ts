import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";

const module = new URL("../dist/heap-growth.js", import.meta.url).href;

/** Most memory, in bytes, that a young process uses for objects of which most die soon, but not at once. */
function peakOf(firstLine: string): number {
  const program = `
    ${firstLine}
    const live = Array.from({ length: 300_000 }, (_, i) => ({ text: "live " + i }));
    const recent = new Array(60_000);
    let peak = 0;
    for (let i = 0; i < 2_000_000; i++) {
      recent[i % recent.length] = { text: "recent " + i };
      if (i % 5_000 > 0) continue;
      peak = Math.max(peak, process.memoryUsage().heapUsed);
      await new Promise((resolve) => setImmediate(resolve));
    }
    console.log(peak + 0 * live.length);
  `;
  return Number(execFileSync(process.execPath, ["--input-type=module", "--eval", program], { env: {} }));
}

it("keeps the heap of a young process small", () => {
  const bounded = peakOf(`import { boundHeapGrowth } from "${module}"; boundHeapGrowth();`);
  expect(bounded).toBeLessThan(0.75 * peakOf(""));
});
