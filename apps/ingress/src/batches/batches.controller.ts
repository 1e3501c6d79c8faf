import { Readable } from "node:stream";
import {
  batchListQuerySchema,
  batchOutputQuerySchema,
  batchSubmissionSchema,
  type Batch,
  type BatchList,
} from "@expert-router/contracts";
import { Controller, Get, HttpCode, Inject, Param, Post, Req, Res } from "@nestjs/common";
import type { FastifyReply, FastifyRequest } from "fastify";
import { validate } from "../http/request-validation.js";
import { BatchDesk } from "./batch-desk.js";

/** OpenAI's Batches, and the results of one while it runs. */
@Controller("v1/batches")
export class BatchesController {
  constructor(@Inject(BatchDesk) private readonly desk: BatchDesk) {}

  @Post()
  @HttpCode(200)
  create(@Req() request: FastifyRequest): Promise<Batch> {
    return this.desk.create(request.tenant, validate(batchSubmissionSchema, request.body));
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
