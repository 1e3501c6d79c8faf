import { Readable } from "node:stream";
import {
  batchListQuerySchema,
  batchOutputQuerySchema,
  batchSubmissionSchema,
  newBatchId,
  type Batch,
  type BatchId,
  type BatchList,
} from "@expert-router/contracts";
import { Controller, Get, HttpCode, Inject, Param, Post, Req, Res } from "@nestjs/common";
import type { FastifyReply, FastifyRequest } from "fastify";
import { validate } from "../http/request-validation.js";
import { fingerprintOf, readIdempotencyKey, replayedHeader } from "../idempotency/idempotency-key.js";
import { IdempotentWork } from "../idempotency/idempotent-work.js";
import { BatchDesk } from "./batch-desk.js";

/** As long as a batch is known. */
const keyTtlMs = 30 * 86_400_000;

/** OpenAI's Batches, and the results of one while it runs. */
@Controller("v1/batches")
export class BatchesController {
  constructor(
    @Inject(BatchDesk) private readonly desk: BatchDesk,
    @Inject(IdempotentWork) private readonly work: IdempotentWork,
  ) {}

  @Post()
  @HttpCode(200)
  async create(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Batch> {
    const { tenant, body } = request;
    const submission = validate(batchSubmissionSchema, body);
    const key = readIdempotencyKey(request);
    if (key === undefined) return this.desk.create(tenant, submission);
    const fingerprint = fingerprintOf("/v1/batches", body);
    const { result, repeated } = await this.work.once(
      { tenant, key, fingerprint, id: newBatchId(), ttlMs: keyTtlMs },
      {
        find: (id) => this.desk.find(tenant, id),
        make: (id) => this.desk.create(tenant, submission, id as BatchId),
      },
    );
    if (repeated) reply.header(replayedHeader, "true");
    return result;
  }

  @Get()
  list(@Req() request: FastifyRequest): Promise<BatchList> {
    return this.desk.list(request.tenant, validate(batchListQuerySchema, request.query));
  }

  @Get(":id")
  get(@Req() request: FastifyRequest, @Param("id") id: string): Promise<Batch> {
    return this.desk.read(request.tenant, id);
  }

  @Post(":id/cancel")
  @HttpCode(200)
  cancel(@Req() request: FastifyRequest, @Param("id") id: string): Promise<Batch> {
    return this.desk.cancel(request.tenant, id);
  }

  @Get(":id/output")
  async output(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param("id") id: string,
  ): Promise<void> {
    const query = validate(batchOutputQuerySchema, request.query);
    const { body, complete } = await this.desk.output(request.tenant, id, query);
    reply.headers({ "content-type": "application/jsonl", "x-expert-router-complete": String(complete) });
    await reply.send(Readable.from(body, { objectMode: false }));
  }
}
