/** A small labelled data set for specs: three themes, two sources each. */
import type { PromptExample } from "@expert-router/classifier";

const themes = {
  cooking: "oven flour butter bake simmer onion sauce recipe garlic dough".split(" "),
  sailing: "harbour mast anchor wind keel sail tide rudder knot deck".split(" "),
  chess: "bishop rook pawn gambit castle checkmate queen endgame knight tempo".split(" "),
};

/** 60 prompts a theme, always the same. */
export function samplePrompts(): PromptExample[] {
  return Object.entries(themes).flatMap(([domain, words]) =>
    Array.from({ length: 60 }, (_, row) => ({
      domain,
      source: `${domain}-${row % 2}`,
      text: `how do i ${[0, 1, 2, 3].map((step) => words[(row * 7 + step * (1 + (row % 3))) % words.length]).join(" and ")}?`,
    })),
  );
}
