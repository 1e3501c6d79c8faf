import { z } from "zod";
import { queryInteger } from "./query-integer.js";

const textPart = z.looseObject({
  type: z.enum(["input_text", "output_text", "text"]),
  text: z.string(),
});

/** A message of the input. Answers of the API can be sent back as they came, so their own fields are let in. */
const inputMessage = z.looseObject({
  type: z.literal("message").optional(),
  role: z.enum(["user", "assistant", "system", "developer"]),
  content: z.union([z.string(), z.array(textPart).min(1).max(1_000)]),
});

const textFormat = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text") }),
  z.strictObject({ type: z.literal("json_object") }),
  z.strictObject({
    type: z.literal("json_schema"),
    name: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, { error: "expected letters, digits, _ and -, at most 64" }),
    schema: z.record(z.string(), z.unknown()),
    description: z.string().nullish(),
    strict: z.boolean().nullish(),
  }),
]);

/** Body of `POST /v1/responses`: the part of OpenAI's Responses API that is about text. */
export const responseRequestSchema = z.strictObject({
  model: z.string().min(1).describe("`auto` to be routed, or the id of an expert."),
  input: z.union([z.string(), z.array(inputMessage).min(1).max(10_000)]),
  instructions: z.string().nullish(),
  previous_response_id: z.string().nullish().describe("Goes on behind a stored response that has ended."),
  max_output_tokens: z.int().positive().nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  text: z.strictObject({ format: textFormat.optional() }).nullish(),
  metadata: z
    .record(z.string().max(64), z.string().max(512))
    .nullish()
    .describe("Up to 16 pairs, kept with the response."),
  store: z.boolean().nullish().describe("Kept to be retrieved; true unless said otherwise."),
  background: z.boolean().nullish().describe("Lives on its own; retrieve, follow or cancel it by its id."),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_obfuscation: z.boolean().optional() }).nullish(),
  user: z.string().max(256).nullish(),
  safety_identifier: z.string().max(256).nullish(),
  prompt_cache_key: z.string().max(256).nullish(),
  service_tier: z.enum(["auto", "default"]).nullish(),
  truncation: z.literal("disabled").nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  tool_choice: z.enum(["none", "auto"]).nullish(),
  tools: z.array(z.unknown()).max(0).nullish(),
  include: z.array(z.string()).max(0).nullish(),
});
export type ResponseRequest = z.infer<typeof responseRequestSchema>;

/** What a response says again of its request. */
export interface ResponseParameters {
  readonly background: boolean;
  readonly stored: boolean;
  /** Messages at the head of the body that are the instructions; they are not passed on to the response that follows. */
  readonly instructionMessages: number;
  /** Fields of the response object, by their names in it. */
  readonly echo: Readonly<Record<string, unknown>>;
}

const responseMessageSchema = z.object({
  id: z.string(),
  type: z.literal("message"),
  role: z.literal("assistant"),
  status: z.enum(["in_progress", "completed", "incomplete"]),
  content: z.array(
    z.object({
      type: z.literal("output_text"),
      text: z.string(),
      annotations: z.array(z.never()),
      logprobs: z.array(z.never()),
    }),
  ),
});
export type ResponseMessage = z.infer<typeof responseMessageSchema>;

/** OpenAI's response object. */
export const responseSchema = z.looseObject({
  id: z.string(),
  object: z.literal("response"),
  created_at: z.int(),
  completed_at: z.int().nullable(),
  status: z.enum(["queued", "in_progress", "completed", "failed", "incomplete", "cancelled"]),
  background: z.boolean(),
  model: z.string().describe("The expert that answers."),
  output: z.array(responseMessageSchema),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  incomplete_details: z.object({ reason: z.string() }).nullable(),
  metadata: z.record(z.string(), z.string()),
  usage: z
    .object({
      input_tokens: z.int(),
      input_tokens_details: z.object({ cached_tokens: z.int() }),
      output_tokens: z.int(),
      output_tokens_details: z.object({ reasoning_tokens: z.int() }),
      total_tokens: z.int(),
    })
    .nullable(),
});
export type ResponseObject = z.infer<typeof responseSchema>;

/** Query of `GET /v1/responses/{id}`. */
export const responseQuerySchema = z.strictObject({
  stream: z.enum(["true", "false"]).optional().describe("Follow it as server-sent events."),
  starting_after: z
    .preprocess((text) => (text === "" ? undefined : text), queryInteger(0).optional())
    .optional()
    .describe("Sequence number of the last event seen; with `stream=true`."),
  include_obfuscation: z.enum(["true", "false"]).optional(),
});

/** Answer of `DELETE /v1/responses/{id}`. */
export const responseDeletedSchema = z.object({
  id: z.string(),
  object: z.literal("response"),
  deleted: z.literal(true),
});
