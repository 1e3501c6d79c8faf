/** The plan of the house: which folder may import which. A new library finds its place here before its first import. */

/** Folders and files of the root; nothing else belongs there. */
export const rootEntries = new Set(
  [
    ["apps", "libs", "test", "tools", "deploy", "docs", "routers"],
    ["package.json", "package-lock.json", "nx.json", "expert-router.yaml", "README.md", "LICENSE"],
    ["tsconfig.json", "tsconfig.base.json", "tsconfig.spec.json", "vitest.config.ts"],
    // Not in git, but there while one works.
    ["node_modules", "coverage"],
  ].flat(),
);

/** Folders of test/ and what they are for. */
export const testFolders = new Set(["e2e", "faults", "scenarios", "bench", "browser", "support"]);

/** What each library may import of ours. `testing` serves specs and tests only. */
export const allowedImports = {
  "libs/contracts": [],
  "libs/redis": ["libs/contracts"],
  "libs/redis-server": [],
  "libs/config": ["libs/contracts"],
  "libs/telemetry": ["libs/contracts"],
  "libs/lifecycle": ["libs/contracts"],
  "libs/classifier": ["libs/contracts"],
  "libs/embedder": ["libs/contracts", "libs/classifier"],
  "libs/queue": ["libs/contracts", "libs/redis"],
  "libs/router-state": ["libs/contracts", "libs/redis"],
  "libs/token-stream": ["libs/contracts", "libs/redis"],
  "libs/webhooks": ["libs/contracts", "libs/redis"],
  "libs/engine": ["libs/contracts"],
  "libs/file-store": [],
  "libs/batch": ["libs/contracts", "libs/redis"],
  "libs/testing": ["libs/contracts", "libs/redis-server"],
  "apps/dashboard": ["libs/contracts"],
};

/** Whose specs may import whose code beyond that. */
export const testingLibrary = "libs/testing";

/** Apps that compose other apps. */
export const composingApps = new Set(["apps/cli"]);

/** The only places that read `process.env`. */
export const environmentReaders = ["libs/config/", "tools/", "test/"];

export const maxLines = 400;
