/**
 * Bundles the `expert-router` command, for each process of the system loads some 1,500 small modules otherwise. tsc has
 * compiled everything before, because no bundler writes the metadata that Nest's decorators need.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleFolder, describeInputs, isBundleFresh, stampFile } from "../apps/cli/bin/bundle-stamp.mjs";

/** Its native library lies beside its code, so it is loaded from where it is. */
const native = /^onnxruntime-node$/;

/** Packages that Nest asks for when it finds them; none is installed. One that is must leave this list. */
const optional = [
  "@fastify/multipart",
  "@fastify/view",
  "@nestjs/microservices",
  "@nestjs/platform-express",
  "@nestjs/websockets",
  "class-transformer",
  "class-validator",
];

/**
 * Writes the bundle, unless it is up to date.
 * @param {string} root
 * @returns {Promise<boolean>} whether it was out of date
 */
export async function bundle(root) {
  if (isBundleFresh(root)) return false;
  // Described before they are read: what changes meanwhile makes the bundle stale.
  const stamp = describeInputs(root);
  const files = await bundledFiles(root);
  const folder = join(root, bundleFolder);
  mkdirSync(folder, { recursive: true });
  // Without a stamp nobody takes the bundle, so it is never seen half-written.
  rmSync(join(root, stampFile), { force: true });
  for (const name of readdirSync(folder)) if (!files.has(name)) rmSync(join(folder, name));
  for (const [name, content] of files) writeFileSync(join(folder, name), content);
  writeFileSync(join(root, stampFile), stamp);
  return true;
}

/** @param {string} root @returns {Promise<Map<string, string>>} content by name */
async function bundledFiles(root) {
  const { build } = await import("rolldown");
  const folder = join(root, bundleFolder);
  const { output } = await build({
    cwd: root,
    input: { main: "apps/cli/dist/main.js" },
    platform: "node",
    external: optional.map((name) => new RegExp(`^${name}(/|$)`)),
    plugins: [compilerMaps(), leaveNative(folder), ownPlaces(folder), eagerModules()],
    write: false,
    onLog: (level, log) => {
      if (level === "warn") throw new Error(`${log.code}: ${log.message}`);
    },
    output: {
      // The maps name the sources from there.
      dir: bundleFolder,
      format: "esm",
      chunkFileNames: "[name]-[hash].js",
      sourcemap: true,
      // Errors and log lines tell classes apart by their names.
      keepNames: true,
      banner:
        'import { fileURLToPath as pathOfUrl__ } from "node:url"; const bundleUrl__ = import.meta.url; const placeOf__ = (path) => new URL(path, bundleUrl__);',
    },
  });
  return new Map(
    output.map((file) => [file.fileName, file.type === "chunk" ? file.code : file.source.toString()]),
  );
}

/** Lets the source maps lead through tsc's output to the sources. */
function compilerMaps() {
  return {
    name: "compiler-maps",
    load: {
      filter: { id: /(apps|libs)[\\/][\w-]+[\\/]dist[\\/].*\.js$/ },
      handler: (id) => ({ code: readFileSync(id, "utf8"), map: readFileSync(`${id}.map`, "utf8") }),
    },
  };
}

function leaveNative(folder) {
  return {
    name: "leave-native",
    resolveId: {
      filter: { id: native },
      async handler(source, importer) {
        const resolved = await this.resolve(source, importer, { skipSelf: true });
        return resolved && { id: pathFrom(folder, resolved.id), external: true };
      },
    },
  };
}

/** Code that asks where it lies gets the place of its own file, not that of the bundle: it looks for other files from there. */
function ownPlaces(folder) {
  return {
    name: "own-places",
    transform: {
      // The bundler's own code has no place.
      filter: { id: { exclude: /^\0/ }, code: /import\.meta\.url|\b__(dirname|filename)\b/ },
      handler: (code, id) => {
        const path = pathFrom(folder, id);
        const placed = code
          .replaceAll("import.meta.url", `placeOf__(${JSON.stringify(path)}).href`)
          .replaceAll(/\b__filename\b/g, `pathOfUrl__(placeOf__(${JSON.stringify(path)}))`)
          .replaceAll(/\b__dirname\b/g, `pathOfUrl__(placeOf__(${JSON.stringify(dirname(path))}))`);
        // Without a map of its own: every line stays where it is.
        return { code: placed, map: null };
      },
    },
  };
}

/**
 * V8 compiles a function in parentheses at once; an arrow function it first skims and compiles when it is called, and nearly
 * every module is called.
 */
function eagerModules() {
  return {
    name: "eager-modules",
    renderChunk: (code) => ({
      code: code.replaceAll(/__commonJSMin\(\(\(([\w$, ]*)\) => \{/g, "__commonJSMin((function($1) {"),
      map: null,
    }),
  };
}

function pathFrom(folder, file) {
  return relative(folder, file).split(sep).join("/");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const isNew = await bundle(root);
  process.stdout.write(`bundle   ${isNew ? "written to" : "is up to date in"} ${bundleFolder}\n`);
}
