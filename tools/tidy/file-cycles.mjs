/** Import cycles between files of a package. */
import { cyclesIn, resolved } from "./direction.mjs";

/** @param {import("./workspace.mjs").Workspace} workspace */
export function fileCycleComplaints({ packages, looseFiles }) {
  return [...packages.map(({ files }) => files), looseFiles].flatMap((files) => {
    const known = new Set(files.map(({ path }) => path));
    const edges = new Map(
      files.map(({ path, imports }) => {
        const targets = imports
          .filter((specifier) => specifier.startsWith("."))
          .map((each) => resolved(path, each));
        return [path, targets.map((target) => sourceOf(target, known)).filter((each) => each !== undefined)];
      }),
    );
    return cyclesIn(edges).map((cycle) => `import cycle between files: ${cycle.join(" → ")}`);
  });
}

/** Sources import each other by the name of the output. */
function sourceOf(target, known) {
  return [target, target.replace(/\.js$/, ".ts"), target.replace(/\.js$/, ".tsx")].find((path) =>
    known.has(path),
  );
}
