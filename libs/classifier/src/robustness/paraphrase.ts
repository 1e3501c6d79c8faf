import { pick, type Perturbation } from "./perturbation.js";

/** Contractions and what they stand for; each prompt gets the other form of those it has. */
const contractions: readonly (readonly [string, string])[] = [
  ["what's", "what is"],
  ["how's", "how is"],
  ["where's", "where is"],
  ["who's", "who is"],
  ["that's", "that is"],
  ["it's", "it is"],
  ["there's", "there is"],
  ["i'm", "I am"],
  ["i've", "I have"],
  ["i'd", "I would"],
  ["i'll", "I will"],
  ["don't", "do not"],
  ["doesn't", "does not"],
  ["didn't", "did not"],
  ["can't", "cannot"],
  ["won't", "will not"],
  ["isn't", "is not"],
  ["aren't", "are not"],
  ["wasn't", "was not"],
  ["shouldn't", "should not"],
  ["couldn't", "could not"],
  ["you're", "you are"],
  ["they're", "they are"],
  ["we're", "we are"],
];

const expansionOf = new Map(contractions);
const contractionOf = new Map(contractions.map(([short, long]) => [long.toLowerCase(), short]));
const eitherForm = new RegExp(
  String.raw`\b(?:${[...expansionOf.keys(), ...contractionOf.keys()].join("|")})\b`,
  "gi",
);

/** Request verbs that a prompt may open with. */
const requestVerb =
  /^(write|give|explain|describe|list|tell|show|help|create|make|find|compute|calculate|solve|translate|summari[sz]e|rewrite|compare|suggest|provide|generate|design|define|name|discuss|implement|convert|draft|outline|prove|evaluate|identify|determine|simplify|classify|answer|read)\b/i;
const questionWord =
  /^(what|how|why|when|where|who|whom|whose|which|is|are|was|were|do|does|did|can|could|should|would|will|has|have)\b/i;
const politeQuestion = /^(?:can|could|would|will) you (?:please )?(?=[a-z])/i;

const politeRequests = ["Could you please ", "Would you kindly ", "I would like you to ", "I need you to "];
const askedQuestions = [
  "I would like to know: ",
  "Please tell me: ",
  "Can you answer this? ",
  "My question is: ",
];
const plainRequests = ["Please ", "I want you to "];

/** Another way to say the same, by rules: contractions in and out, a question made a request, a request a question. */
export const paraphrase: Perturbation = {
  name: "paraphrase",
  description: "contractions expanded or formed, question and polite request exchanged",
  apply(text, random) {
    const body = text.replaceAll(eitherForm, (found) => {
      const lower = found.toLowerCase();
      return sameCase(found, expansionOf.get(lower) ?? contractionOf.get(lower)!);
    });
    if (politeQuestion.test(body)) return body.replace(politeQuestion, () => pick(plainRequests, random));
    if (requestVerb.test(body)) return pick(politeRequests, random) + uncapitalized(body);
    if (questionWord.test(body)) return pick(askedQuestions, random) + uncapitalized(body);
    return `${body} Please answer as well as you can.`;
  },
};

function sameCase(model: string, text: string): string {
  const first = model.charAt(0);
  return first === first.toUpperCase() ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

/** Words in capitals stay as they are. */
function uncapitalized(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
