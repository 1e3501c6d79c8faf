import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { chatFormat, completionFormat, tritonFormat, type AnswerFormat } from "./answer-format.js";
import { BatchScheduler } from "./batch-scheduler.js";
import type { Fault, FaultPlan } from "./fault.js";
import { Generation, type GenerationPlan } from "./generation.js";
import { metricsPage } from "./metrics-page.js";
import { PrefixCache, prefixChainOf } from "./prefix-cache.js";
import { parseChatRequest, parseCompletionRequest } from "./openai-request.js";
import { RequestError } from "./request-error.js";
import { readJsonBody } from "./request-body.js";
import { sendJson, StreamSink, WholeSink } from "./response-sink.js";
import type { EngineSimOptions } from "./sim-options.js";
import type { SimRequest } from "./sim-request.js";
import { answersOf, countPromptTokens, type SimulatedAnswer } from "./simulated-answer.js";
import { parsePace, requireLoopback } from "./time-factor.js";
import { parseTritonRequest } from "./triton-request.js";

const tritonPath = /^\/v2\/models\/([^/]+)(?:\/versions\/[^/]+)?\/(generate|generate_stream|ready)$/;

/** The simulator's HTTP side: turns requests into generations and hands them to the scheduler. */
export class SimServer {
  readonly http: Server;
  private readonly options: EngineSimOptions;
  private readonly scheduler: BatchScheduler;
  private readonly faults: FaultPlan;
  private readonly prefixCache: PrefixCache;
  private readonly startedS = Math.floor(Date.now() / 1000);
  private served = 0;

  constructor(options: EngineSimOptions, faults: FaultPlan, now: () => number) {
    this.options = options;
    this.faults = faults;
    this.prefixCache = new PrefixCache(options.prefixCacheSize);
    this.scheduler = new BatchScheduler({ ...options, now });
    this.http = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
      this.route(request, response).catch((error: unknown) => refuse(response, error));
    });
  }

  stop(): void {
    this.scheduler.stop();
    this.http.close();
    this.http.closeAllConnections();
  }

  private async route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    if (request.method === "GET") return this.answerGet(path, response);
    if (request.method !== "POST") throw new RequestError(405, "Method Not Allowed");
    const { model } = this.options;
    const id = `sim-${(this.served += 1)}`;
    const createdS = Math.floor(Date.now() / 1000);
    if (path === "/v1/chat/completions") {
      const asked = parseChatRequest(await readJsonBody(request), model);
      return this.generate(asked, chatFormat(`chatcmpl-${id}`, createdS, model), request, response);
    }
    if (path === "/v1/completions") {
      const asked = parseCompletionRequest(await readJsonBody(request), model);
      return this.generate(asked, completionFormat(`cmpl-${id}`, createdS, model), request, response);
    }
    if (path === "/sim/time-factor") {
      requireLoopback(request);
      const { factor, maxNumSeqs } = parsePace(await readJsonBody(request));
      this.scheduler.setPace(factor, maxNumSeqs);
      return sendJson(response, 200, { simulated: true, factor });
    }
    const [, name = "", verb] = tritonPath.exec(path) ?? [];
    if (verb === undefined || verb === "ready") throw new RequestError(404, "Not Found");
    const asked = parseTritonRequest(await readJsonBody(request), verb === "generate_stream");
    this.requireModel(name);
    return this.generate(asked, tritonFormat(model), request, response);
  }

  private answerGet(path: string, response: ServerResponse): void {
    const { model } = this.options;
    if (path === "/health" || path === "/v2/health/ready" || path === "/v2/health/live") {
      response.writeHead(200, { "content-length": 0 }).end();
    } else if (path === "/metrics") {
      const page = metricsPage(this.scheduler.figures(), this.prefixCache.figures, model);
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(page);
    } else if (path === "/v1/models") {
      const entry = {
        id: model,
        object: "model",
        created: this.startedS,
        owned_by: "engine-sim",
        root: model,
      };
      sendJson(response, 200, { object: "list", data: [entry] });
    } else if (tritonPath.exec(path)?.[2] === "ready") {
      this.requireModel(tritonPath.exec(path)?.[1] ?? "");
      response.writeHead(200, { "content-length": 0 }).end();
    } else {
      throw new RequestError(404, "Not Found");
    }
  }

  private requireModel(name: string): void {
    if (decodeURIComponent(name) !== this.options.model) {
      throw new RequestError(404, `Request for unknown model: '${name}' is not found`, "model");
    }
  }

  private generate(
    asked: SimRequest,
    format: AnswerFormat,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const { seed, maxTokensDefault } = this.options;
    const { key, answers } = answersOf(
      asked.prompts,
      asked.n,
      seed,
      asked.maxTokens ?? maxTokensDefault,
      asked.stop,
    );
    const fault = this.faults.choose(
      asked.fault ?? request.headers["x-sim-fault"] ?? request.headers["x_sim_fault"],
      key,
    );
    if (fault !== undefined && answersAtOnce(fault.fault, this.options.retryAfterS, response)) return;
    const promptTokens = asked.prompts.reduce((sum, prompt) => sum + countPromptTokens(prompt), 0);
    const plan = {
      answers,
      promptTokens,
      format,
      stream: asked.stream,
      includeUsage: asked.includeUsage,
      fault,
      ...(this.options.prefixCacheSize > 0 && this.cacheCalls(asked, promptTokens, answers)),
    };
    const sink = asked.stream
      ? new StreamSink(response)
      : new WholeSink(response, () => format.whole(answers, generation.usage));
    const generation: Generation = new Generation(plan, sink);
    response.on("close", () => this.scheduler.abandon(generation));
    this.scheduler.add(generation);
  }

  /** What a generation asks of the prefix cache. Requests of several prompts or choices take no part. */
  private cacheCalls(
    { prompts }: SimRequest,
    promptTokens: number,
    answers: readonly SimulatedAnswer[],
  ): Pick<GenerationPlan, "lookUpPrefix" | "onFinished"> {
    const [prompt] = prompts;
    const [answer] = answers;
    if (prompt === undefined || answer === undefined || answers.length > 1) return {};
    const chain = prefixChainOf(prompt);
    return {
      lookUpPrefix: () => this.prefixCache.admit(chain, promptTokens),
      onFinished: () => this.prefixCache.extend(chain, answer.tokens.join("")),
    };
  }
}

/** Faults that come in place of an answer. */
function answersAtOnce(fault: Fault, retryAfterS: number, response: ServerResponse): boolean {
  const message = `injected fault: ${fault}`;
  switch (fault) {
    case "http-500":
      throw new RequestError(500, message);
    case "http-429":
      throw new RequestError(429, message, null, retryAfterS);
    case "http-503":
      throw new RequestError(503, message, null, retryAfterS);
    case "http-503-date": {
      const date = new Date(Date.now() + retryAfterS * 1_000).toUTCString();
      sendJson(response, 503, new RequestError(503, message).toBody(), { "retry-after": date });
      return true;
    }
    case "error-200":
      sendJson(response, 200, new RequestError(500, message).toBody());
      return true;
    case "wrong-type":
      response.writeHead(200, { "content-type": "text/html" }).end(`<html><body>${message}</body></html>\n`);
      return true;
    default:
      return false;
  }
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const known = error instanceof RequestError ? error : new RequestError(500, String(error));
  const headers = known.retryAfterS === undefined ? undefined : { "retry-after": String(known.retryAfterS) };
  sendJson(response, known.status, known.toBody(), headers);
}
