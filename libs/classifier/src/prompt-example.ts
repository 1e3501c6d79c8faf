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
