/** What is on disk: packages of the workspace with their manifests, references and imports. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { importsOf } from "./imports.mjs";

/**
 * @typedef {{ path: string, text: string, imports: string[], isSpec: boolean }} SourceFile `path` from the root, with slashes
 * @typedef {{ name: string, folder: string, manifest: any, references: string[], files: SourceFile[] }} Package
 * @typedef {{ root: string, rootManifest: any, lock: any, packages: Package[], entries: string[], looseFiles: SourceFile[] }} Workspace
 */

const sourceFile = /\.(ts|mts|cts|tsx|mjs|js)$/;
/** Specs, and the fixtures beside them, which no build holds. */
const specFile = /\.spec\.[a-z]+$|\/src\/testing\//;
const skipped = new Set(["node_modules", "dist", ".git", ".nx", "coverage", ".expert-router"]);

/** @param {string} root @returns {Workspace} */
export function readWorkspace(root) {
  const packages = ["apps", "libs"].flatMap((group) =>
    foldersIn(join(root, group)).map((name) => readPackage(root, `${group}/${name}`)),
  );
  const looseFiles = ["test", "tools"].flatMap((folder) => sourcesIn(root, folder));
  return {
    root,
    rootManifest: readJson(join(root, "package.json")),
    lock: readJson(join(root, "package-lock.json")),
    packages,
    entries: readdirSync(root),
    looseFiles,
  };
}

function readPackage(root, folder) {
  const manifest = readJson(join(root, folder, "package.json")) ?? {};
  const tsconfig = readJson(join(root, folder, "tsconfig.json")) ?? {};
  const references = (tsconfig.references ?? []).map(({ path }) =>
    posix(relative(root, join(root, folder, path))),
  );
  return { name: manifest.name ?? folder, folder, manifest, references, files: sourcesIn(root, folder) };
}

function sourcesIn(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : sourcesIn(root, path);
    if (!sourceFile.test(entry.name)) return [];
    const text = readFileSync(join(root, path), "utf8");
    return [{ path, text, imports: importsOf(path, text), isSpec: specFile.test(path) }];
  });
}

function foldersIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => existsSync(join(folder, name, "package.json")));
}

function readJson(path) {
  return statSync(path, { throwIfNoEntry: false }) === undefined
    ? undefined
    : JSON.parse(readFileSync(path, "utf8"));
}

function posix(path) {
  return path.split(sep).join("/");
}
