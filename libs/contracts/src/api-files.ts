/** OpenAI's Files, for batches. */
import { z } from "zod";
import { queryInteger } from "./query-integer.js";

/** `batch`: the lines to run. `batch_output`: what came of them. */
export const filePurposes = ["batch", "batch_output"] as const;
export type FilePurpose = (typeof filePurposes)[number];

/** Largest file that can be uploaded. */
export const maxFileBytes = 200 * 1_048_576;
/** Bounds of `expires_after.seconds`: one hour, 30 days. */
export const minExpiryS = 3_600;
export const maxExpiryS = 2_592_000;

/** `expires_after` and `output_expires_after`. */
export const expiresAfterSchema = z.strictObject({
  anchor: z.literal("created_at"),
  seconds: z.coerce
    .number()
    .int()
    .min(minExpiryS)
    .max(maxExpiryS)
    .describe("Seconds after the creation of the file."),
});
export type ExpiresAfter = z.infer<typeof expiresAfterSchema>;

/** A file as `GET /v1/files/{id}` shows it. */
export const fileSchema = z.object({
  id: z.string(),
  object: z.literal("file"),
  bytes: z.int(),
  created_at: z.int().describe("Unix seconds."),
  expires_at: z.int().describe("Unix seconds."),
  filename: z.string(),
  purpose: z.enum(filePurposes),
  status: z.literal("processed"),
  status_details: z.null(),
});
export type FileObject = z.infer<typeof fileSchema>;

/** Query of `GET /v1/files`. */
export const fileListQuerySchema = z.strictObject({
  limit: queryInteger(1, 10_000).default(10_000),
  after: z.string().max(100).optional().describe("Id of the last file of the page before."),
  order: z.enum(["asc", "desc"]).default("desc").describe("By the time of creation."),
  purpose: z.string().max(64).optional(),
});
export type FileListQuery = z.infer<typeof fileListQuerySchema>;

/** A page of files, in OpenAI's list shape. */
export const fileListSchema = z.object({
  object: z.literal("list"),
  data: z.array(fileSchema),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});
export type FileList = z.infer<typeof fileListSchema>;

export const fileDeletedSchema = z.object({
  id: z.string(),
  object: z.literal("file"),
  deleted: z.literal(true),
});
export type FileDeleted = z.infer<typeof fileDeletedSchema>;

/** The form of `POST /v1/files`. */
export const fileUploadSchema = z.object({
  file: z.string().describe("The file: JSON Lines, one request a line."),
  purpose: z.literal("batch"),
  "expires_after[anchor]": z.literal("created_at").optional(),
  "expires_after[seconds]": z
    .int()
    .min(minExpiryS)
    .max(maxExpiryS)
    .optional()
    .describe("30 days unless said otherwise."),
});
