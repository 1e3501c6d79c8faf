/** OpenAI's Batches. */
import { z } from "zod";
import { expiresAfterSchema } from "./api-files.js";
import { queryInteger } from "./query-integer.js";

/** Lines of one batch at most. */
export const maxBatchLines = 50_000;

/** What the lines of a batch may ask for. */
export const batchEndpoints = ["/v1/chat/completions", "/v1/completions"] as const;

/** The life of a batch. `failed`, `completed`, `expired` and `cancelled` are final. */
export const batchStatuses = [
  "validating",
  "failed",
  "in_progress",
  "finalizing",
  "completed",
  "expired",
  "cancelling",
  "cancelled",
] as const;
export type BatchStatus = (typeof batchStatuses)[number];

/** Body of `POST /v1/batches`. */
export const batchSubmissionSchema = z.strictObject({
  input_file_id: z.string().min(1).max(100),
  endpoint: z.enum(batchEndpoints),
  completion_window: z.literal("24h"),
  metadata: z
    .record(z.string().max(64), z.string().max(512))
    .nullish()
    .describe("Up to 16 pairs, kept with the batch."),
  output_expires_after: expiresAfterSchema
    .nullish()
    .describe("When the output and error files expire; 30 days unless said otherwise."),
});
export type BatchSubmission = z.infer<typeof batchSubmissionSchema>;

const batchErrorSchema = z.object({
  code: z.string(),
  line: z.int().nullable().describe("Line of the input file, from 1."),
  message: z.string(),
  param: z.string().nullable(),
});
/** Something that is wrong with the input file of a batch. */
export type BatchError = z.infer<typeof batchErrorSchema>;

const requestCountsSchema = z.object({ total: z.int(), completed: z.int(), failed: z.int() });
export type BatchCounts = z.infer<typeof requestCountsSchema>;

const usageSchema = z.object({
  input_tokens: z.int(),
  input_tokens_details: z.object({ cached_tokens: z.int() }),
  output_tokens: z.int(),
  output_tokens_details: z.object({ reasoning_tokens: z.int() }),
  total_tokens: z.int(),
});
export type BatchUsage = z.infer<typeof usageSchema>;

const time = z.int().nullable();

/** A batch as `GET /v1/batches/{id}` shows it; times are Unix seconds. */
export const batchSchema = z.object({
  id: z.string(),
  object: z.literal("batch"),
  endpoint: z.string(),
  model: z.string().nullable().describe("The model of its lines where all name the same one."),
  errors: z.object({ object: z.literal("list"), data: z.array(batchErrorSchema) }).nullable(),
  input_file_id: z.string(),
  completion_window: z.string(),
  status: z.enum(batchStatuses),
  output_file_id: z.string().nullable(),
  error_file_id: z.string().nullable(),
  created_at: z.int(),
  in_progress_at: time,
  expires_at: time,
  finalizing_at: time,
  completed_at: time,
  failed_at: time,
  expired_at: time,
  cancelling_at: time,
  cancelled_at: time,
  request_counts: requestCountsSchema,
  usage: usageSchema,
  metadata: z.record(z.string(), z.string()).nullable(),
});
export type Batch = z.infer<typeof batchSchema>;

/** Query of `GET /v1/batches`, newest first. */
export const batchListQuerySchema = z.strictObject({
  limit: queryInteger(1, 100).default(20),
  after: z.string().max(100).optional().describe("Id of the last batch of the page before."),
});
export type BatchListQuery = z.infer<typeof batchListQuerySchema>;

/** A page of batches, in OpenAI's list shape. */
export const batchListSchema = z.object({
  object: z.literal("list"),
  data: z.array(batchSchema),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});
export type BatchList = z.infer<typeof batchListSchema>;

/** Query of `GET /v1/batches/{id}/output`. */
export const batchOutputQuerySchema = z.strictObject({
  part: z
    .enum(["output", "errors"])
    .default("output")
    .describe("Lines that succeeded, or those that did not."),
  offset: queryInteger(0)
    .default(0)
    .describe("Bytes to skip: those that were read before. They stay the same when the batch ends."),
});
export type BatchOutputQuery = z.infer<typeof batchOutputQuerySchema>;
