/** Colours follow the reader's choice of light or dark; charts name the same variables. */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --page: #fbfbfa; --card: #ffffff; --ink: #1c2024; --faint: #6b7280; --line: #e3e5e8; --grid: #eceef0;
  --accent: #2563eb; --second: #d97706; --good: #15803d;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #111417; --card: #191d22; --ink: #e8eaed; --faint: #9aa3ad; --line: #2b3138; --grid: #262c33;
    --accent: #6ea8fe; --second: #f5a524; --good: #4ade80;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 1120px; background: var(--page); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
h1 { font-size: 1.65rem; line-height: 1.2; margin: 0 0 .35rem; letter-spacing: -.01em; }
h2 { font-size: 1.12rem; margin: 0 0 .2rem; }
p { margin: 0 0 .75rem; }
.faint { color: var(--faint); }
.note { color: var(--faint); font-size: .88rem; max-width: 72ch; }
header { margin-bottom: 1.5rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: .75rem; margin: 0 0 1.25rem; padding: 0; list-style: none; }
.tiles li { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .75rem .9rem; }
.tiles b { display: block; font-size: 1.4rem; font-variant-numeric: tabular-nums; line-height: 1.25; }
.tiles span { color: var(--faint); font-size: .83rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.1rem 1.25rem 1.25rem; margin-bottom: 1.1rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(400px, 1fr)); gap: 1.1rem; }
.pair section { margin-bottom: 0; }
.pair { margin-bottom: 1.1rem; }
figure { margin: .5rem 0 0; overflow-x: auto; }
figure svg { display: block; max-width: 100%; height: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .92rem; margin-top: .4rem; }
th, td { padding: .32rem .6rem; text-align: right; border-bottom: 1px solid var(--grid); white-space: nowrap; }
th { color: var(--faint); font-weight: 500; }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
td.text { white-space: normal; color: var(--faint); }
tr:last-child td { border-bottom: 0; }
code { font: .9em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
details summary { cursor: pointer; color: var(--faint); }
footer { color: var(--faint); font-size: .85rem; margin-top: 1.5rem; }
@media (max-width: 480px) { .pair { grid-template-columns: 1fr; } }
@media print { body { max-width: none; padding: 0; } section { break-inside: avoid; } }
`;
