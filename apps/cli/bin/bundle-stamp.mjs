/** Whether the bundle was made of the compiled code that is here now. Runs at every start, so it looks at dates and sizes only. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Where the bundle lies, from the repository's root. */
export const bundleFolder = "apps/cli/dist/bundle";

/** Written last, with what the bundle was made of. */
export const stampFile = `${bundleFolder}/stamp.json`;

/**
 * Describes all that a bundle depends on. tsc rewrites the build information of a project whenever it writes code.
 * @param {string} root
 * @returns {string}
 */
export function describeInputs(root) {
  const projects = ["apps", "libs"].flatMap((group) =>
    readdirSync(join(root, group))
      .toSorted()
      .map((name) => `${group}/${name}/dist/.tsbuildinfo`),
  );
  const inputs = [...projects, "package-lock.json", "tools/bundle.mjs"].map((path) => {
    const file = statSync(join(root, path), { throwIfNoEntry: false });
    // Whole seconds, because images and archives keep no more; making a bundle takes longer than that.
    return [path, file && [Math.floor(file.mtimeMs / 1_000), file.size]];
  });
  return JSON.stringify(Object.fromEntries(inputs), undefined, 2);
}

/** @param {string} root */
export function isBundleFresh(root) {
  return (
    existsSync(join(root, stampFile)) && readFileSync(join(root, stampFile), "utf8") === describeInputs(root)
  );
}
