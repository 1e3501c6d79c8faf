import { Readable } from "node:stream";
import {
  fileListQuerySchema,
  type FileDeleted,
  type FileList,
  type FileObject,
} from "@expert-router/contracts";
import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Req, Res } from "@nestjs/common";
import type { FastifyReply, FastifyRequest } from "fastify";
import { validate } from "../http/request-validation.js";
import { readIdempotencyKey, replayedHeader } from "../idempotency/idempotency-key.js";
import { FileDesk } from "./file-desk.js";
import { checkUpload } from "./upload.js";

/** OpenAI's Files. */
@Controller("v1/files")
export class FilesController {
  constructor(@Inject(FileDesk) private readonly desk: FileDesk) {}

  @Post()
  @HttpCode(200)
  async upload(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<FileObject> {
    checkUpload(request.raw);
    const { file, repeated } = await this.desk.upload(
      request.tenant,
      request.raw,
      readIdempotencyKey(request),
    );
    if (repeated) reply.header(replayedHeader, "true");
    return file;
  }

  @Get()
  list(@Req() request: FastifyRequest): Promise<FileList> {
    return this.desk.list(request.tenant, validate(fileListQuerySchema, request.query));
  }

  @Get(":id")
  get(@Req() request: FastifyRequest, @Param("id") id: string): Promise<FileObject> {
    return this.desk.read(request.tenant, id);
  }

  @Get(":id/content")
  async content(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param("id") id: string,
  ): Promise<void> {
    const { file, body } = await this.desk.content(request.tenant, id);
    reply.headers({ "content-type": "application/jsonl", "content-length": String(file.bytes) });
    await reply.send(Readable.from(body, { objectMode: false }));
  }

  @Delete(":id")
  delete(@Req() request: FastifyRequest, @Param("id") id: string): Promise<FileDeleted> {
    return this.desk.delete(request.tenant, id);
  }
}
