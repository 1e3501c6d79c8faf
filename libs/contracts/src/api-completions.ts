import { z } from "zod";

const contentPartSchema = z.looseObject({ type: z.string(), text: z.string().optional() });

/** One message of a chat. Unknown fields are kept: they belong to the engine. */
export const chatMessageSchema = z.looseObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool", "function"]),
  content: z.union([z.string(), z.array(contentPartSchema), z.null()]).optional(),
  name: z.string().optional(),
});
export type ChatMessage = z.infer<typeof chatMessageSchema>;

const sharedFields = {
  model: z.string().min(1).describe("`auto` to be routed, or the id of an expert."),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
  max_tokens: z.int().positive().nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  n: z.int().min(1).max(128).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(16)]).nullish(),
  seed: z.int().nullish(),
  user: z.string().max(256).nullish(),
};

/** Body of `POST /v1/chat/completions`. Fields not named here travel to the engine as they are. */
export const chatCompletionRequestSchema = z.looseObject({
  ...sharedFields,
  messages: z.array(chatMessageSchema).min(1),
  max_completion_tokens: z.int().positive().nullish(),
});
export type ChatCompletionRequest = z.infer<typeof chatCompletionRequestSchema>;

/** Body of `POST /v1/completions`. Fields not named here travel to the engine as they are. */
export const completionRequestSchema = z.looseObject({
  ...sharedFields,
  prompt: z.union([
    z.string(),
    z.array(z.string()).min(1),
    z.array(z.int()).min(1),
    z.array(z.array(z.int())).min(1),
  ]),
});
export type CompletionRequest = z.infer<typeof completionRequestSchema>;
