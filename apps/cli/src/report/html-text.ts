const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** `text` as HTML text or attribute value: labels and sources come from data and may hold anything. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (mark) => entities[mark]!);
}

/** A part of a text that fits a chart or a table cell. */
export function shortened(text: string, most = 28): string {
  const units = Array.from(text);
  return units.length <= most ? text : `${units.slice(0, most - 1).join("")}…`;
}

/** A share as people read it. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
