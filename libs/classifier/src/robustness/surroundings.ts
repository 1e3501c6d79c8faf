/** Foreign material around a prompt: code that was pasted along, a long document about something else. */
import { pick, type Perturbation } from "./perturbation.js";
import type { SeededRandom } from "../seeded-random.js";

const snippets: readonly string[] = [
  "```python\ndef load(path):\n    with open(path) as file:\n        return [line.strip() for line in file]\n\nprint(load('input.txt')[:3])\n```",
  "```js\nconst items = await fetch(url).then((r) => r.json());\nfor (const { id, name } of items) console.log(id, name);\n```",
  '```json\n{\n  "version": 3,\n  "enabled": true,\n  "items": [{ "id": 17, "tags": ["a", "b"] }]\n}\n```',
  "```\nTraceback (most recent call last):\n  File \"main.py\", line 12, in <module>\n    run(config)\nKeyError: 'timeout'\n```",
  "```c\nfor (int i = 0; i < n; i++) {\n  if (buf[i] == 0) break;\n  putchar(buf[i]);\n}\n```",
  '```html\n<ul class="list">\n  <li><a href="#one">One</a></li>\n  <li><a href="#two">Two</a></li>\n</ul>\n```',
  "```\n2024-03-01T10:12:03Z INFO  started pid=412\n2024-03-01T10:12:04Z WARN  retry in 5s\n2024-03-01T10:12:09Z INFO  connected\n```",
  '```sh\nset -e\nfor f in *.txt; do\n  mv "$f" "old-$f"\ndone\n```',
];

/** Everyday prose that belongs to no special field. */
const paragraphs: readonly string[] = [
  "The morning was grey and the street was still quiet when she opened the window. A van stood at the corner with its lights on, and somebody carried boxes into the house across the road.",
  "On the table lay a pair of gloves, a half-empty cup and the newspaper of the day before. Nobody had touched any of it since the evening, and the lamp beside it was still on.",
  "They walked along the path by the hedge until the bench came in sight. It had been painted green again, as every spring, and the paint was not quite dry on the left side.",
  "The train was late, as it often is on that line, so the people on the platform stood in small groups and talked. A child counted the bags of everybody who passed.",
  "He had kept the old chair because it fitted under the stairs, although nobody ever sat there. Twice a year it was moved, dusted and put back in the same place.",
  "In the afternoon the wind turned and the curtains moved a little. The dog lifted its head, looked at the door for a while and went back to sleep.",
  "The neighbours had left a note about the parcel. It was in the shed, behind the blue bicycle, and the key was where it always was.",
  "By the time the kettle had boiled the rain was over. Two umbrellas dripped in the hall, and the mat was wet from one end to the other.",
  "She liked the smaller of the two bags better because of its handles. The larger one went back to the cupboard, together with the paper it had come in.",
  "At the end of the lane there is a gate that does not close. Visitors push it, wonder, push it again and finally leave it as it was.",
  "The shop on the corner sells buttons, string, and boxes of every size. Its owner knows most people by the colour of their coats.",
  "Later they sat on the steps and watched the lights come on one after the other. It was warm for the season, and nobody was in a hurry to go in.",
];

/** Beyond the length that a router reads, so that its cut is part of the test. */
const documentChars = 6_000;

export const pastedCode: Perturbation = {
  name: "pasted code",
  description: "a block of unrelated code after the prompt",
  apply: (text, random) => `${text}\n\n${pick(snippets, random)}`,
};

/** Instructions stand before or after the material, hardly ever in its middle. */
export const longDocument: Perturbation = {
  name: "long document",
  description: "before or after 6,000 characters of everyday prose: very long",
  apply: (text, random) =>
    random.nextBelow(2) === 0
      ? `${text}\n\n${proseOf(documentChars, random)}`
      : `${proseOf(documentChars, random)}\n\n${text}`,
};

function proseOf(chars: number, random: SeededRandom): string {
  let prose = pick(paragraphs, random);
  while (prose.length < chars) prose += `\n\n${pick(paragraphs, random)}`;
  return prose;
}
