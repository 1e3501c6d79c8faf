/**
 * npm leaves optional packages out of the lock file that the registry in use does not serve, which are those of foreign
 * platforms; `npm ci` then refuses the lock file. Run as a program, this adds them: without a hash, because nobody here has
 * seen them, and only as a name for platforms that need them.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const systems = [
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
];
const processors = [
  "arm",
  "arm64",
  "ia32",
  "loong64",
  "mips64el",
  "ppc64",
  "riscv64",
  "s390x",
  "wasm32",
  "x64",
];
const cLibraries = { gnu: "glibc", gnueabihf: "glibc", musl: "musl", musleabihf: "musl" };

/**
 * Optional packages that the lock file should hold and does not.
 * @param {{ packages: Record<string, any> }} lock
 * @returns {{ name: string, version: string, dev: boolean }[]}
 */
export function missingOptionals({ packages }) {
  const missing = new Map();
  for (const [path, { optionalDependencies = {}, dev = false }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (!isResolvable(packages, path, name)) missing.set(name, { name, version, dev });
    }
  }
  return [...missing.values()];
}

/** As Node looks for it: in the package's own folder, then in those around it. */
function isResolvable(packages, path, name) {
  const parts = path.split("/node_modules/");
  const folders = parts.map((_, index) => parts.slice(0, index + 1).join("/node_modules/"));
  return ["", ...folders].some(
    (folder) => `${folder === "" ? "" : `${folder}/`}node_modules/${name}` in packages,
  );
}

/** The entry of a package that only its name is known of. */
export function entryOf({ name, version, dev }) {
  const words = name.split(/[/-]/);
  const only = (known) => words.filter((word) => known.includes(word));
  const libc = words.flatMap((word) => cLibraries[word] ?? []);
  return {
    version,
    cpu: only(processors),
    ...(dev && { dev }),
    ...(libc.length > 0 && { libc }),
    optional: true,
    os: only(systems),
  };
}

function complete(path) {
  const lock = JSON.parse(readFileSync(path, "utf8"));
  const missing = missingOptionals(lock).filter(({ version }) => /^\d[\w.-]*$/.test(version));
  for (const each of missing) lock.packages[`node_modules/${each.name}`] = entryOf(each);
  const [root, ...rest] = Object.entries(lock.packages);
  lock.packages = Object.fromEntries([root, ...rest.toSorted(([a], [b]) => a.localeCompare(b, "en"))]);
  writeFileSync(path, `${JSON.stringify(lock, undefined, 2)}\n`);
  process.stdout.write(`${missing.length} packages of other platforms added to package-lock.json\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  complete(fileURLToPath(new URL("../package-lock.json", import.meta.url)));
}
