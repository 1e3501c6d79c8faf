/** The page at `/`: what the experts do now, and how to talk to them. One file, no framework, nothing from elsewhere. */

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid #8884; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
pre { padding: .75rem; background: #8882; overflow-x: auto; border-radius: .3rem; }
.healthy { color: #18794e; } .degraded { color: #ad5700; } .unavailable { color: #cd2b31; }
@media (prefers-color-scheme: dark) { .healthy { color: #3dd68c; } .degraded { color: #ffa94d; } .unavailable { color: #ff8589; } }
#note { min-height: 1.5em; }`;

const script = `
const $ = (id) => document.getElementById(id);
const key = () => sessionStorage.getItem("expert-router-key");
const cell = (row, text, kind) => { const td = row.insertCell(); td.textContent = text; if (kind) td.className = kind; };
const total = (depth) => Object.values(depth).reduce((a, b) => a + b, 0);
const wait = (s) => s === null ? "unknown" : s < 0.05 ? "none" : s < 90 ? s.toFixed(1) + " s" : Math.round(s / 60) + " min";
function show(experts) {
  const body = document.createElement("tbody");
  for (const e of experts) {
    const row = body.insertRow();
    cell(row, e.id); cell(row, e.health, e.health);
    cell(row, total(e.queue_depth), "n"); cell(row, e.running + " of " + e.capacity, "n"); cell(row, e.workers, "n");
    cell(row, wait(e.estimated_wait_s), "n");
    cell(row, e.engine_model + (e.simulated ? " (simulated: no language model answers)" : ""));
  }
  $("experts").tBodies[0].replaceWith(body);
}
async function refresh() {
  try {
    const headers = key() ? { authorization: "Bearer " + key() } : {};
    const answer = await fetch("v1/experts", { headers });
    const json = await answer.json();
    $("key").hidden = answer.status !== 401;
    if (answer.ok) { show(json.data); $("note").textContent = ""; } else $("note").textContent = json.error.message;
  } catch { $("note").textContent = "The ingress does not answer."; }
  setTimeout(refresh, document.hidden ? 10000 : 2000);
}
$("key").onsubmit = (event) => { event.preventDefault(); sessionStorage.setItem("expert-router-key", $("secret").value); $("key").hidden = true; };
$("curl").textContent = $("curl").textContent.replace("ORIGIN", location.origin);
refresh();`;

/** The page; with `needsKey` its `curl` line shows where the key goes. */
export function landingPage({ needsKey }: { readonly needsKey: boolean }): string {
  const authorization = needsKey ? `  -H 'authorization: Bearer YOUR_KEY' \\\n` : "";
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Expert Router</title><style>${style}</style></head>
<body>
<h1>Expert Router</h1>
<p>Many specialised language models, served as one. <a href="docs">API reference</a>, <a href="metrics">metrics</a>.</p>
<form id="key" hidden><label>API key <input id="secret" type="password" autocomplete="off"></label> <button>Show</button></form>
<p id="note" role="status"></p>
<table id="experts">
<caption hidden>Experts</caption>
<thead><tr><th>Expert</th><th>Health</th><th class="n">Waiting</th><th class="n">Running</th><th class="n">Workers</th><th class="n">Wait</th><th>Model</th></tr></thead>
<tbody></tbody>
</table>
<h2>Try it</h2>
<pre id="curl">curl -N ORIGIN/v1/chat/completions \\
  -H 'content-type: application/json' \\
${authorization}  -d '{"model":"auto","stream":true,"messages":[{"role":"user","content":"Write a function that reverses a list"}]}'</pre>
<script>${script}</script>
</body>
</html>
`;
}
