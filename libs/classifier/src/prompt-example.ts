import { z } from "zod";

/** One line of a training or evaluation file. Unknown fields are ignored. */
export const promptExampleSchema = z.object({
  text: z.string().refine((text) => text.trim() !== "", "must not be blank"),
  domain: z
    .string()
    .min(1)
    .optional()
    .describe("What the prompt is about; the label that `--labels domain` learns."),
  id: z.string().optional(),
  source: z
    .string()
    .min(1)
    .optional()
    .describe("Where the prompt comes from. Whole sources are held out to measure."),
});
export type PromptExample = z.infer<typeof promptExampleSchema>;

/** Prompts of sources so named were written to teach, not sampled from life: they are trained on and never judged on. */
export const seedSourcePrefix = "seed-";

/** Whether the example is a seed prompt. */
export function isSeed({ source }: { readonly source?: string | undefined }): boolean {
  return source?.startsWith(seedSourcePrefix) ?? false;
}
