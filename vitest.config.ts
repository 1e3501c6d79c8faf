import { defineConfig } from "vitest/config";
import { defaultServerConditions } from "vite";

// Tests read library sources, not builds: the condition is in every library's package.json.
// The sources behind the condition "module" are for bundlers: Node cannot load those of the AWS SDK.
const conditions = [
  "@expert-router/source",
  ...defaultServerConditions.filter((condition) => condition !== "module"),
];

export default defineConfig({
  ssr: { resolve: { conditions } },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["{apps,libs}/*/src/**/*.spec.ts", "tools/**/*.spec.mjs"],
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["test/**/*.e2e.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
