/** Where things may stand. */
import { allowedImports, composingApps, rootEntries, testFolders } from "./house.mjs";

const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*\.[a-z]+$/;
const vague = /(^|-)(utils?|common|helpers?|managers?|misc)(-|\.|$)/;

/** @param {import("./workspace.mjs").Workspace} workspace */
export function layoutComplaints({ entries, packages, looseFiles }) {
  const strangers = entries.filter((name) => !name.startsWith(".") && !rootEntries.has(name));
  const files = [...packages.flatMap((each) => each.files), ...looseFiles];
  return [
    ...strangers.map((name) => `${name}: nothing of that name belongs in the root`),
    ...packages.flatMap(packageComplaints),
    ...files.flatMap(({ path }) => nameComplaints(path)),
    ...looseFiles
      .filter(({ path }) => path.startsWith("test/") && !testFolders.has(path.split("/")[1]))
      .map(({ path }) => `${path}: test/ has the folders ${[...testFolders].join(", ")}`),
  ];
}

function packageComplaints({ folder, name, files }) {
  const complaints = [];
  const planned = folder.startsWith("apps/") || folder in allowedImports;
  if (!planned) complaints.push(`${folder}: tools/tidy/house.mjs does not say what it may import`);
  const base = folder.split("/")[1];
  const expected = composingApps.has(folder) ? "expert-router" : `@expert-router/${base}`;
  if (name !== expected) complaints.push(`${folder}: its package is named ${name}, not ${expected}`);
  if (!files.some(({ path }) => path === `${folder}/src/index.ts`) && folder.startsWith("libs/")) {
    complaints.push(`${folder}: src/index.ts is missing`);
  }
  for (const { path } of files) {
    const inside = path.slice(folder.length + 1);
    if (!inside.startsWith("src/") && !inside.startsWith("bin/"))
      complaints.push(`${path}: sources of a package stand in src/`);
  }
  return complaints;
}

function nameComplaints(path) {
  return path
    .split("/")
    .slice(1)
    .flatMap((part, index, parts) => {
      const isFile = index === parts.length - 1;
      if (!kebabCase.test(isFile ? part : `${part}.ts`)) return [`${path}: '${part}' is not kebab-case`];
      return vague.test(part) ? [`${path}: '${part}' says nothing; name what is in it`] : [];
    });
}
