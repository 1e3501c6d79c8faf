/** What may stand in a file. */
import { environmentReaders, maxLines } from "./house.mjs";

/** @param {import("./workspace.mjs").Workspace} workspace */
export function contentComplaints({ packages, looseFiles }) {
  const files = [...packages.flatMap((each) => each.files), ...looseFiles];
  return files.flatMap(({ path, text, imports, isSpec }) => {
    const complaints = [];
    const lines = text.trimEnd().split("\n").length;
    if (lines > maxLines)
      complaints.push(`${path}: ${lines} lines; more than ${maxLines} are too many to hold in mind`);
    const inLibrary = path.startsWith("libs/");
    if (inLibrary && imports.some((each) => each.startsWith("@nestjs/"))) {
      complaints.push(`${path}: imports Nest, which belongs in apps`);
    }
    if (inLibrary && /^\s*@[A-Z]\w*\(/m.test(withoutComments(text)))
      complaints.push(`${path}: has a decorator; they belong in apps`);
    const mayRead = environmentReaders.some((folder) => path.startsWith(folder));
    if (!mayRead && !isSpec && /\bprocess\s*(\?\.|\.)\s*env\b/.test(withoutComments(text))) {
      complaints.push(`${path}: reads process.env, which only libs/config may`);
    }
    return complaints;
  });
}

function withoutComments(text) {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
}
