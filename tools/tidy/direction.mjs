/** Who may import whom, between packages. */
import { allowedImports, composingApps, testingLibrary } from "./house.mjs";

/** @param {import("./workspace.mjs").Workspace} workspace */
export function directionComplaints({ packages }) {
  const byName = new Map(packages.map((each) => [each.name, each]));
  return packages
    .flatMap((from) =>
      from.files.flatMap((file) =>
        packagesImported(file, byName)
          .filter((to) => to !== from && !mayImport(from, to, file.isSpec))
          .map((to) => `${file.path}: ${from.folder} may not import ${to.folder}`),
      ),
    )
    .concat(escapes(packages));
}

function mayImport(from, to, isSpec) {
  if (isSpec && to.folder === testingLibrary) return true;
  if (to.folder === testingLibrary) return false;
  const allowed = allowedImports[from.folder];
  if (allowed !== undefined) return allowed.includes(to.folder);
  return to.folder.startsWith("libs/") || composingApps.has(from.folder);
}

/** A relative path into another package goes around its door, and around every rule above. */
function escapes(packages) {
  return packages.flatMap(({ folder, files }) =>
    files.flatMap(({ path, imports }) =>
      imports
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => resolved(path, specifier))
        .filter((target) => !target.startsWith(`${folder}/`))
        .map((target) => `${path}: imports ${target}, which is outside of its package`),
    ),
  );
}

/** @param {import("./workspace.mjs").Workspace} workspace */
export function packageCycleComplaints({ packages }) {
  const byName = new Map(packages.map((each) => [each.name, each]));
  const edges = new Map(
    packages.map((from) => {
      const sources = from.files.filter(({ isSpec }) => !isSpec);
      const targets = sources.flatMap((file) => packagesImported(file, byName)).filter((to) => to !== from);
      return [from.folder, [...new Set(targets.map(({ folder }) => folder))]];
    }),
  );
  return cyclesIn(edges).map((cycle) => `import cycle between packages: ${cycle.join(" → ")}`);
}

/** Packages of ours that a file imports by name. */
export function packagesImported({ imports }, byName) {
  return imports.map((specifier) => byName.get(packageName(specifier))).filter((each) => each !== undefined);
}

/** `@scope/name` from `@scope/name/deep`, `name` from `name/deep`. */
export function packageName(specifier) {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

/** The path that a relative specifier names, from the root. */
export function resolved(path, specifier) {
  return new URL(specifier, `file:///${path}`).pathname.slice(1);
}

/**
 * One cycle for each knot of the graph, as the list of its nodes with the first one repeated at the end.
 * @param {Map<string, string[]>} edges
 */
export function cyclesIn(edges) {
  const done = new Set();
  const cycles = [];
  const visit = (node, trail) => {
    const start = trail.indexOf(node);
    if (start >= 0) return void cycles.push([...trail.slice(start), node]);
    if (done.has(node)) return;
    for (const next of edges.get(node) ?? []) visit(next, [...trail, node]);
    done.add(node);
  };
  for (const node of edges.keys()) visit(node, []);
  return cycles;
}
