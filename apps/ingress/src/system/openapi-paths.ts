/** Every route of the ingress, by path template, with what OpenAPI says about it. The one list of what exists. */
import {
  batchListQuerySchema,
  batchListSchema,
  batchOutputQuerySchema,
  batchSchema,
  batchSubmissionSchema,
  chatCompletionRequestSchema,
  completionRequestSchema,
  expertListSchema,
  fileDeletedSchema,
  fileListQuerySchema,
  fileListSchema,
  fileSchema,
  fileUploadSchema,
  jobEventsQuerySchema,
  jobListQuerySchema,
  jobListSchema,
  jobSchema,
  jobSubmissionSchema,
  modelListSchema,
  modelSchema,
  responseDeletedSchema,
  responseQuerySchema,
  responseRequestSchema,
  responseSchema,
  routeDecisionSchema,
  routeRequestSchema,
  routerStatusSchema,
} from "@expert-router/contracts";
import { z } from "zod";

/** One operation of one path. */
export interface RouteDescription {
  readonly summary: string;
  readonly tag: "Generation" | "Responses" | "Jobs" | "Files and batches" | "Routing" | "Operations";
  readonly body?: readonly [name: string, schema: z.ZodType];
  /** The body is a form, not JSON. */
  readonly form?: boolean;
  readonly query?: z.ZodObject;
  readonly headers?: Readonly<Record<string, string>>;
  /** Status of success, and its body: a schema or a media type. */
  readonly status: number;
  readonly answer:
    | readonly [name: string, schema: z.ZodType]
    | "text/html"
    | "text/plain"
    | "text/event-stream"
    | "application/jsonl"
    | "application/json";
  /** The answer may be an event stream instead. */
  readonly streams?: boolean;
  /** Error statuses beside 401 and 503. */
  readonly errors: readonly number[];
}

type Method = "get" | "post" | "delete";

const priority = { "x-expert-router-priority": "Scheduling class: `interactive`, `async` or `batch`." };
const repeatable = {
  "idempotency-key":
    "Names the request: sent again with the same body, it is the same one, and gets the same answer. 1 to 255 printable ASCII characters.",
};
const submission = { ...priority, ...repeatable };
const response = ["Response", responseSchema] as const;
const job = ["Job", jobSchema] as const;
const file = ["File", fileSchema] as const;
const batch = ["Batch", batchSchema] as const;
const filing = { tag: "Files and batches", status: 200 } as const;
const completionAnswer = z
  .looseObject({
    id: z.string(),
    object: z.enum(["chat.completion", "text_completion"]),
    created: z.int(),
    model: z.string().describe("The expert that answered."),
    choices: z.array(z.looseObject({ index: z.int(), finish_reason: z.string().nullable() })),
    usage: z.record(z.string(), z.unknown()).optional(),
  })
  .describe("OpenAI's answer object.");

const generation = {
  tag: "Generation",
  headers: submission,
  status: 200,
  answer: ["Completion", completionAnswer],
  streams: true,
  errors: [400, 404, 409, 413, 415, 422, 429, 502, 504],
} as const;
const operation = { tag: "Operations", status: 200, errors: [] } as const;

export const routes: Readonly<Record<string, Partial<Record<Method, RouteDescription>>>> = {
  "/v1/chat/completions": {
    post: {
      ...generation,
      summary: "Answer a conversation.",
      body: ["ChatCompletionRequest", chatCompletionRequestSchema],
    },
  },
  "/v1/completions": {
    post: {
      ...generation,
      summary: "Complete a text.",
      body: ["CompletionRequest", completionRequestSchema],
    },
  },
  "/v1/models": {
    get: {
      tag: "Generation",
      summary: "List `auto` and the experts.",
      status: 200,
      answer: ["ModelList", modelListSchema],
      errors: [],
    },
  },
  "/v1/models/{id}": {
    get: {
      tag: "Generation",
      summary: "One model.",
      status: 200,
      answer: ["Model", modelSchema],
      errors: [404],
    },
  },
  "/v1/responses": {
    post: {
      ...generation,
      tag: "Responses",
      summary: "Answer an input by OpenAI's Responses API: whole, as a stream, or in the background.",
      body: ["ResponseRequest", responseRequestSchema],
      answer: response,
    },
  },
  "/v1/responses/{id}": {
    get: {
      tag: "Responses",
      summary:
        "One stored response; with `stream=true` its events, from any number on, during and after the run.",
      query: responseQuerySchema,
      status: 200,
      answer: response,
      streams: true,
      errors: [400, 404],
    },
    delete: {
      tag: "Responses",
      summary: "Forget a response; one that runs is cancelled.",
      status: 200,
      answer: ["ResponseDeleted", responseDeletedSchema],
      errors: [404],
    },
  },
  "/v1/responses/{id}/cancel": {
    post: {
      tag: "Responses",
      summary: "Cancel a response in the background.",
      status: 200,
      answer: response,
      errors: [400, 404],
    },
  },
  "/v1/jobs": {
    post: {
      tag: "Jobs",
      summary: "Submit a job; its answer is fetched or followed later.",
      body: ["JobSubmission", jobSubmissionSchema],
      headers: submission,
      status: 202,
      answer: job,
      errors: [400, 404, 409, 413, 415, 422, 429],
    },
    get: {
      tag: "Jobs",
      summary: "List jobs without their answers.",
      query: jobListQuerySchema,
      status: 200,
      answer: ["JobList", jobListSchema],
      errors: [400],
    },
  },
  "/v1/jobs/{id}": {
    get: {
      tag: "Jobs",
      summary: "One job, with its answer once completed.",
      status: 200,
      answer: job,
      errors: [404],
    },
  },
  "/v1/jobs/{id}/events": {
    get: {
      tag: "Jobs",
      summary: "Follow a job as server-sent events; resumable on any replica, during and after the run.",
      query: jobEventsQuerySchema,
      headers: { "last-event-id": "Id of the last event seen." },
      status: 200,
      answer: "text/event-stream",
      errors: [400, 404],
    },
  },
  "/v1/jobs/{id}/cancel": {
    post: { tag: "Jobs", summary: "Cancel a job.", status: 200, answer: job, errors: [404, 409] },
  },
  "/v1/files": {
    post: {
      ...filing,
      summary: "Upload the input of a batch, up to 200 MB.",
      body: ["FileUpload", fileUploadSchema],
      form: true,
      headers: repeatable,
      answer: file,
      errors: [400, 409, 413, 415, 422],
    },
    get: {
      ...filing,
      summary: "List files.",
      query: fileListQuerySchema,
      answer: ["FileList", fileListSchema],
      errors: [400],
    },
  },
  "/v1/files/{id}": {
    get: { ...filing, summary: "One file.", answer: file, errors: [404] },
    delete: {
      ...filing,
      summary: "Delete a file.",
      answer: ["FileDeleted", fileDeletedSchema],
      errors: [404, 409],
    },
  },
  "/v1/files/{id}/content": {
    get: { ...filing, summary: "The bytes of a file.", answer: "application/jsonl", errors: [404] },
  },
  "/v1/batches": {
    post: {
      ...filing,
      summary: "Run the lines of a file.",
      body: ["BatchSubmission", batchSubmissionSchema],
      headers: repeatable,
      answer: batch,
      errors: [400, 404, 409, 413, 415, 422],
    },
    get: {
      ...filing,
      summary: "List batches, newest first.",
      query: batchListQuerySchema,
      answer: ["BatchList", batchListSchema],
      errors: [400],
    },
  },
  "/v1/batches/{id}": {
    get: { ...filing, summary: "One batch, with its counts so far.", answer: batch, errors: [404] },
  },
  "/v1/batches/{id}/cancel": {
    post: {
      ...filing,
      summary: "Cancel a batch; what is done stays.",
      answer: batch,
      errors: [404, 409],
    },
  },
  "/v1/batches/{id}/output": {
    get: {
      ...filing,
      summary: "The lines of the output, or of the error file, that are there already.",
      query: batchOutputQuerySchema,
      answer: "application/jsonl",
      errors: [400, 404],
    },
  },
  "/v1/route": {
    post: {
      tag: "Routing",
      summary: "Say which expert would answer, without asking it.",
      body: ["RouteRequest", routeRequestSchema],
      headers: priority,
      status: 200,
      answer: ["RouteDecision", routeDecisionSchema],
      errors: [400, 413, 415],
    },
  },
  "/v1/router": {
    get: {
      tag: "Routing",
      summary: "Which versions of the router decide, and whether live traffic has drifted.",
      status: 200,
      answer: ["RouterStatus", routerStatusSchema],
      errors: [],
    },
  },
  "/v1/experts": {
    get: {
      tag: "Routing",
      summary: "How the experts are.",
      status: 200,
      answer: ["ExpertList", expertListSchema],
      errors: [],
    },
  },
  "/healthz": { get: { ...operation, summary: "The process lives.", answer: "application/json" } },
  "/readyz": {
    get: { ...operation, summary: "The process may be given work; 503 if not.", answer: "application/json" },
  },
  "/metrics": { get: { ...operation, summary: "Prometheus metrics.", answer: "text/plain" } },
  "/openapi.json": { get: { ...operation, summary: "This document.", answer: "application/json" } },
  "/docs": { get: { ...operation, summary: "This document, to read.", answer: "text/html" } },
  "/": { get: { ...operation, summary: "The landing page.", answer: "text/html" } },
};

const matchers = Object.entries(routes).map(([template, methods]) => ({
  pattern: new RegExp(`^${template.replace(/\{\w+\}/g, "[^/]+").replace(".", "\\.")}$`),
  methods: Object.keys(methods).map((method) => method.toUpperCase()),
}));

/** The methods that `path` knows; none if there is no such path. */
export function methodsOf(path: string): string[] {
  return matchers.find(({ pattern }) => pattern.test(path))?.methods ?? [];
}
