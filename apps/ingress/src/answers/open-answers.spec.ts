import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import type { CodedError } from "@expert-router/contracts";
import { describe, expect, it } from "vitest";
import type { OpenAnswer } from "./answer-context.js";
import { OpenAnswers } from "./open-answers.js";

const never = new AbortController().signal;

/** An answer that remembers how it was interrupted. */
class FakeAnswer implements OpenAnswer {
  readonly told: string[] = [];
  isOver = false;

  constructor(
    readonly isResumable = false,
    private readonly breaks = false,
  ) {}

  interrupt({ code }: CodedError): void {
    if (this.breaks) throw new Error("broken");
    this.told.push(code);
  }
}

function response(): ServerResponse {
  return new EventEmitter() as ServerResponse;
}

describe("a drain", () => {
  it("tells the answers that stay, after a wait that is no whole number of milliseconds", async () => {
    const open = new OpenAnswers();
    const answer = new FakeAnswer();
    open.track(answer, response());
    const startedAt = performance.now();
    await open.drain((50 * 2) / 3, never);
    expect(answer.told).toEqual(["shutting_down"]);
    expect(performance.now() - startedAt).toBeGreaterThan(30);
  });

  it("ends with the last answer, or with its signal", async () => {
    const open = new OpenAnswers();
    const closing = response();
    open.track(new FakeAnswer(), closing);
    const emptied = open.drain(60_000, never);
    closing.emit("close");
    await emptied;

    const staying = new FakeAnswer();
    open.track(staying, response());
    const deadline = new AbortController();
    const aborted = open.drain(60_000, deadline.signal);
    deadline.abort();
    await aborted;
    expect(staying.told).toEqual(["shutting_down"]);
  });

  it("reaches every answer, also behind one that breaks", async () => {
    const open = new OpenAnswers();
    const answer = new FakeAnswer();
    open.track(new FakeAnswer(true, true), response());
    open.track(answer, response());
    await expect(open.drain(10, never)).rejects.toThrow("answers could not be interrupted");
    expect(answer.told).toEqual(["shutting_down"]);
  });
});
