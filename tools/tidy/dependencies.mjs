/** What manifests and tsconfigs declare, against what is imported. */
import { isBuiltin } from "node:module";
import { missingOptionals } from "../lock-file.mjs";
import { packageName } from "./direction.mjs";

/** Packages that are needed without an import of ours, and why. */
const usedWithoutImport = {
  "@nestjs/platform-fastify": "Nest loads it",
  "reflect-metadata": "decorators need it at run time",
  rxjs: "a peer of Nest",
  "@fastify/static": "Nest's API reference loads it",
  "@nestjs/bullmq": "a peer of the queue module",
};

/** @param {import("./workspace.mjs").Workspace} workspace */
export function dependencyComplaints({ packages, rootManifest, looseFiles }) {
  const rootNames = declared(rootManifest);
  const ours = new Map(packages.map((each) => [each.name, each.manifest.version]));
  return [
    ...packages.flatMap((each) => undeclared(each, rootNames)),
    ...packages.flatMap(unused),
    ...packages.flatMap((each) => wrongVersions(each, ours)),
    ...looseFiles.flatMap(({ path, imports }) =>
      external(imports)
        .filter((name) => !rootNames.has(name) && !ours.has(name))
        .map((name) => `${path}: imports ${name}, which the root's package.json does not declare`),
    ),
  ];
}

/** @param {import("./workspace.mjs").Workspace} workspace */
export function lockComplaints({ lock }) {
  if (lock === undefined) return [];
  return missingOptionals(lock).map(
    ({ name }) =>
      `package-lock.json: ${name} is missing, so 'npm ci' refuses it; 'node tools/lock-file.mjs' adds it`,
  );
}

/** Specs may use what the workspace's root and the package itself have for development. */
function undeclared({ folder, name, manifest, files }, rootNames) {
  const forSources = new Set([
    ...Object.keys(manifest.dependencies ?? {}),
    ...Object.keys(manifest.peerDependencies ?? {}),
  ]);
  const forSpecs = new Set([...declared(manifest), ...rootNames, "@expert-router/testing"]);
  return files.flatMap(({ path, imports, isSpec }) =>
    external(imports)
      .filter((each) => each !== name && !(isSpec ? forSpecs : forSources).has(each))
      .map((each) => `${path}: imports ${each}, which ${folder}/package.json does not declare`),
  );
}

function unused({ folder, manifest, files }) {
  const imported = new Set(files.flatMap(({ imports }) => external(imports)));
  const inSources = new Set(
    files.filter(({ isSpec }) => !isSpec).flatMap(({ imports }) => external(imports)),
  );
  const complaints = [];
  for (const name of Object.keys(manifest.dependencies ?? {})) {
    if (name in usedWithoutImport || inSources.has(name)) continue;
    complaints.push(`${folder}/package.json: declares ${name}, which no source imports`);
  }
  for (const name of Object.keys(manifest.devDependencies ?? {})) {
    if (!imported.has(name))
      complaints.push(`${folder}/package.json: declares ${name} for development, which nothing imports`);
  }
  return complaints;
}

function wrongVersions({ folder, manifest }, ours) {
  const all = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  return all.flatMap(([name, version]) => {
    if (!/^\d/.test(version)) return [`${folder}/package.json: ${name} ${version} is no exact version`];
    const own = ours.get(name);
    return own === undefined || own === version
      ? []
      : [`${folder}/package.json: ${name} is at ${own}, not ${version}`];
  });
}

/** @param {import("./workspace.mjs").Workspace} workspace */
export function referenceComplaints({ packages }) {
  const folders = new Map(packages.map(({ name, folder }) => [name, folder]));
  return packages.flatMap(({ folder, manifest, references, files }) => {
    if (!files.some(({ path }) => path.endsWith(".ts"))) return [];
    const needed = Object.keys(manifest.dependencies ?? {}).flatMap((name) => folders.get(name) ?? []);
    const missing = needed.filter((each) => !references.includes(each));
    const extra = references.filter((each) => !needed.includes(each));
    const repeated = references.filter((each, index) => references.indexOf(each) !== index);
    return [
      ...missing.map((each) => `${folder}/tsconfig.json: does not reference ${each}, on which it depends`),
      ...extra.map((each) => `${folder}/tsconfig.json: references ${each}, on which it does not depend`),
      ...repeated.map((each) => `${folder}/tsconfig.json: references ${each} twice`),
    ];
  });
}

function external(imports) {
  const packages = imports.filter(
    (each) => !each.startsWith(".") && !each.startsWith("/") && !isBuiltin(each),
  );
  return [...new Set(packages.map(packageName))];
}

function declared(manifest) {
  return new Set(
    ["dependencies", "devDependencies", "peerDependencies"].flatMap((kind) =>
      Object.keys(manifest?.[kind] ?? {}),
    ),
  );
}
