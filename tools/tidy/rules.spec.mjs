/** Each rule has to be able to fail: small trees with one fault each, beside a tree without any. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { rules } from "./rules.mjs";
import { readWorkspace } from "./workspace.mjs";

const folders = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A manifest and a tsconfig that agree. */
function pack(folder, dependencies = {}, { references, name } = {}) {
  const base = folder.split("/")[1];
  const paths =
    references ?? Object.keys(dependencies).flatMap((each) => /^@expert-router\/(.*)/.exec(each)?.[1] ?? []);
  return {
    [`${folder}/package.json`]: JSON.stringify({
      name: name ?? `@expert-router/${base}`,
      version: "0.1.0",
      dependencies,
    }),
    [`${folder}/tsconfig.json`]: JSON.stringify({
      references: paths.map((each) => ({ path: `../../libs/${each}` })),
    }),
    [`${folder}/src/index.ts`]: "export {};\n",
  };
}

/** A tidy tree: contracts ← queue ← ingress. */
const tidy = {
  "package.json": JSON.stringify({ devDependencies: { vitest: "1.0.0" } }),
  ...pack("libs/contracts"),
  ...pack("libs/queue", { "@expert-router/contracts": "0.1.0" }),
  "libs/queue/src/index.ts":
    'import type { A } from "@expert-router/contracts";\nimport "node:fs";\nexport type B = A;\n',
  "libs/queue/src/index.spec.ts": 'import { it } from "vitest";\nimport "./index.js";\nit.todo("x");\n',
  ...pack("apps/ingress", { "@expert-router/queue": "0.1.0" }),
  "apps/ingress/src/index.ts": 'export const queue = () => import("@expert-router/queue");\n',
};

/** What each rule says about the tidy tree with `changes`; undefined removes a file. */
function complaintsAbout(changes) {
  const root = mkdtempSync(join(tmpdir(), "expert-router-tidy-"));
  folders.push(root);
  for (const [path, text] of Object.entries({ ...tidy, ...changes })) {
    if (text === undefined) continue;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const workspace = readWorkspace(root);
  return Object.entries(rules).flatMap(([rule, complaintsOf]) =>
    complaintsOf(workspace).map((text) => `${rule}: ${text}`),
  );
}

describe("tidy", () => {
  it("has nothing to say about a tidy tree", () => {
    expect(complaintsAbout({})).toEqual([]);
  });

  it.each([
    [
      "a library that imports an app",
      "direction: libs/queue/src/x.ts: libs/queue may not import apps/ingress",
      {
        ...pack("libs/queue", { "@expert-router/contracts": "0.1.0", "@expert-router/ingress": "0.1.0" }),
        "libs/queue/src/x.ts": 'import "@expert-router/ingress";\n',
      },
    ],
    [
      "an adapter that imports another",
      "direction: libs/queue/src/x.ts: libs/queue may not import libs/engine",
      {
        ...pack("libs/engine"),
        "libs/queue/src/x.ts": 'export const engine = await import("@expert-router/engine");\n',
      },
    ],
    [
      "a type import across",
      "direction: libs/queue/src/x.ts: libs/queue may not import libs/engine",
      {
        ...pack("libs/engine"),
        "libs/queue/src/x.ts": 'export type X = import("@expert-router/engine").X;\n',
      },
    ],
    [
      "a re-export across",
      "direction: libs/queue/src/x.ts: libs/queue may not import libs/engine",
      {
        ...pack("libs/engine"),
        "libs/queue/src/x.ts": 'export * from "@expert-router/engine";\n',
      },
    ],
    [
      "contracts that import something of ours",
      "direction: libs/contracts/src/x.ts: libs/contracts may not import libs/queue",
      {
        "libs/contracts/src/x.ts": 'import "@expert-router/queue";\n',
      },
    ],
    [
      "an app that imports an app",
      "direction: apps/ingress/src/x.ts: apps/ingress may not import apps/worker",
      {
        ...pack("apps/worker"),
        "apps/ingress/src/x.ts": 'import "@expert-router/worker";\n',
      },
    ],
    [
      "the testing library in a source",
      "direction: apps/ingress/src/x.ts: apps/ingress may not import libs/testing",
      {
        ...pack("libs/testing"),
        "apps/ingress/src/x.ts": 'import "@expert-router/testing";\n',
      },
    ],
    [
      "a way around a package's door",
      "direction: libs/queue/src/x.ts: imports libs/contracts/src/index.js, which is outside",
      {
        "libs/queue/src/x.ts": 'import "../../contracts/src/index.js";\n',
      },
    ],
    [
      "packages in a circle",
      "package cycles: import cycle between packages: libs/queue → libs/contracts → libs/queue",
      {
        "libs/contracts/src/x.ts": 'import "@expert-router/queue";\n',
      },
    ],
    [
      "files in a circle",
      "file cycles: import cycle between files: libs/queue/src/a.ts → libs/queue/src/b.ts → libs/queue/src/a.ts",
      {
        "libs/queue/src/a.ts": 'import "./b.js";\n',
        "libs/queue/src/b.ts": 'import type { A } from "./a.js";\nexport type B = A;\n',
      },
    ],
    [
      "an undeclared package",
      "dependencies: libs/queue/src/x.ts: imports ioredis, which libs/queue/package.json does not declare",
      {
        "libs/queue/src/x.ts": 'import "ioredis/built/x.js";\n',
      },
    ],
    [
      "a tool of development in a source",
      "dependencies: libs/queue/src/x.ts: imports vitest, which",
      {
        "libs/queue/src/x.ts": 'import "vitest";\n',
      },
    ],
    [
      "an undeclared package in a tool",
      "dependencies: tools/x.mjs: imports chalk, which the root's package.json",
      {
        "tools/x.mjs": 'import "chalk";\n',
      },
    ],
    [
      "a dependency nobody uses",
      "dependencies: libs/contracts/package.json: declares zod, which no source imports",
      {
        ...pack("libs/contracts", { zod: "4.0.0" }),
      },
    ],
    [
      "a dependency only specs use",
      "dependencies: libs/contracts/package.json: declares zod, which no source imports",
      {
        ...pack("libs/contracts", { zod: "4.0.0" }),
        "libs/contracts/src/x.spec.ts": 'import "zod";\n',
      },
    ],
    [
      "a version that floats",
      "dependencies: libs/contracts/package.json: zod ^4.0.0 is no exact version",
      {
        ...pack("libs/contracts", { zod: "^4.0.0" }),
        "libs/contracts/src/x.ts": 'import "zod";\n',
      },
    ],
    [
      "a missing reference",
      "references: libs/queue/tsconfig.json: does not reference libs/contracts, on which it depends",
      {
        ...pack("libs/queue", { "@expert-router/contracts": "0.1.0" }, { references: [] }),
        "libs/queue/src/index.ts": tidy["libs/queue/src/index.ts"],
      },
    ],
    [
      "a reference too many",
      "references: libs/contracts/tsconfig.json: references libs/queue, on which it does not depend",
      {
        ...pack("libs/contracts", {}, { references: ["queue"] }),
      },
    ],
    [
      "a lock file that npm ci refuses",
      "lock: package-lock.json: x-darwin-arm64 is missing",
      {
        "package-lock.json": JSON.stringify({
          packages: {
            "node_modules/x": { optionalDependencies: { "x-darwin-arm64": "1.0.0", "x-linux-x64": "1.0.0" } },
            "node_modules/x-linux-x64": {},
          },
        }),
      },
    ],
    [
      "a file nobody can hold in mind",
      "contents: libs/queue/src/x.ts: 401 lines",
      {
        "libs/queue/src/x.ts": "export {};\n".repeat(401),
      },
    ],
    [
      "Nest in a library",
      "contents: libs/queue/src/x.ts: imports Nest",
      {
        "libs/queue/src/x.ts": 'import "@nestjs/common";\n',
      },
    ],
    [
      "a decorator in a library",
      "contents: libs/queue/src/x.ts: has a decorator",
      {
        "libs/queue/src/x.ts":
          "const Thing = (): ClassDecorator => () => undefined;\n@Thing()\nexport class X {}\n",
      },
    ],
    [
      "a read of the environment",
      "contents: apps/ingress/src/x.ts: reads process.env",
      {
        "apps/ingress/src/x.ts": "export const x = process.env.HOME;\n",
      },
    ],
    [
      "a stranger in the root",
      "layout: scratch: nothing of that name belongs in the root",
      {
        "scratch/x.txt": "",
      },
    ],
    [
      "a library without a place",
      "layout: libs/extra: tools/tidy/house.mjs does not say what it may import",
      {
        ...pack("libs/extra"),
      },
    ],
    [
      "a package under another name",
      "layout: libs/queue: its package is named @expert-router/cue",
      {
        ...pack("libs/queue", {}, { name: "@expert-router/cue" }),
      },
    ],
    [
      "a name that says nothing",
      "layout: libs/queue/src/string-utils.ts: 'string-utils.ts' says nothing",
      {
        "libs/queue/src/string-utils.ts": "export {};\n",
      },
    ],
    [
      "a name that is not kebab-case",
      "layout: libs/queue/src/jobQueue.ts: 'jobQueue.ts' is not kebab-case",
      {
        "libs/queue/src/jobQueue.ts": "export {};\n",
      },
    ],
    [
      "a source beside src",
      "layout: libs/queue/x.ts: sources of a package stand in src/",
      {
        "libs/queue/x.ts": "export {};\n",
      },
    ],
    [
      "a test without a folder",
      "layout: test/x.e2e.ts: test/ has the folders",
      {
        "test/x.e2e.ts": "export {};\n",
      },
    ],
  ])("complains about %s", (_what, complaint, changes) => {
    expect(complaintsAbout(changes).filter((each) => each.startsWith(complaint))).not.toEqual([]);
  });

  it("is not misled by comments, strings and what only looks like an import", () => {
    const text = [
      '// import "@expert-router/ingress"',
      "/* process.env @Thing() */",
      'export const x = `import "chalk"` + "from \'left-pad\'";',
      'export const path = { resolve: (s: string) => s }.resolve("chalk");',
    ];
    expect(complaintsAbout({ "libs/queue/src/x.ts": `${text.join("\n")}\n` })).toEqual([]);
  });
});
