/** Letters by fixed ranges: the Unicode tables of an engine change with its version. */
const pattern = /[a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u1fff\u3040-\u9fff\uac00-\ud7af]+/g;

/** Words of two or more letters, in lower case; no numbers, no marks. */
export function lowerCaseWords(text: string): string[] {
  return (text.toLowerCase().match(pattern) ?? []).filter((word) => word.length >= 2);
}
