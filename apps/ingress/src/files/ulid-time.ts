import type { BatchId, FileId } from "@expert-router/contracts";

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const timeCharacters = 10;
const ulidCharacters = 26;

/** When an id was made, in Unix ms. */
export function timeOfUlid(id: FileId | BatchId): number {
  let time = 0;
  const ulid = id.slice(-ulidCharacters);
  for (const character of ulid.slice(0, timeCharacters)) time = time * 32 + alphabet.indexOf(character);
  return time;
}
