import type { Delta, Endpoint, RequestId, Usage } from "@expert-router/contracts";

/** What an assembled answer says about itself. */
export interface AnswerIdentity {
  readonly id: RequestId;
  readonly endpoint: Endpoint;
  /** The expert's id. */
  readonly model: string;
  /** Unix seconds. */
  readonly created: number;
}

type Fields = Record<string, unknown>;

interface AssembledChoice {
  /** Text of the answer; null until there was any. */
  text: string | null;
  /** Other fields of the message: role, reasoning, tool calls … */
  readonly message: Fields;
  readonly toolCalls: Fields[];
  /** Fields of the choice itself other than its text: finish reason, log-probabilities … */
  readonly fields: Fields;
}

/**
 * Puts the deltas of an answer together into the answer that a call without streaming gives. Strings behind one
 * another are joined, tool calls are merged by their index, arrays of log-probabilities are joined, and of
 * anything else the last value counts.
 */
export class AnswerAssembler {
  private readonly choices: AssembledChoice[] = [];

  /** Takes the next delta. */
  add(delta: Delta): void {
    if (typeof delta === "string") {
      const choice = this.choice(0);
      choice.text = (choice.text ?? "") + delta;
      return;
    }
    for (const part of delta.choices) if (isFields(part)) this.addChoice(part);
  }

  /** Forgets everything: the answer starts over. */
  restart(): void {
    this.choices.length = 0;
  }

  /** The answer as its endpoint gives it. */
  answer(identity: AnswerIdentity, usage: Usage | undefined): Fields {
    const chat = identity.endpoint === "/v1/chat/completions";
    if (this.choices.length === 0) this.choice(0);
    return {
      id: identity.id,
      object: chat ? "chat.completion" : "text_completion",
      created: identity.created,
      model: identity.model,
      choices: this.choices.flatMap((choice, index) => [
        chat ? chatChoice(choice, index) : textChoice(choice, index),
      ]),
      ...(usage !== undefined && { usage }),
    };
  }

  private addChoice({ index, delta, text, logprobs, ...fields }: Fields): void {
    if (index !== undefined && !isChoiceIndex(index)) return;
    const choice = this.choice(index ?? 0);
    if (typeof text === "string") choice.text = (choice.text ?? "") + text;
    if (isFields(delta)) addMessageDelta(choice, delta);
    if (isFields(logprobs)) choice.fields["logprobs"] = joinArrays(choice.fields["logprobs"], logprobs);
    for (const [name, value] of Object.entries(fields)) if (value !== null) choice.fields[name] = value;
  }

  private choice(index: number): AssembledChoice {
    while (this.choices.length <= index)
      this.choices.push({ text: null, message: {}, toolCalls: [], fields: {} });
    return this.choices[index]!;
  }
}

function chatChoice({ text, message, toolCalls, fields }: AssembledChoice, index: number): Fields {
  const { role = "assistant", ...rest } = message;
  const calls = toolCalls.filter((call) => call !== undefined);
  return {
    index,
    message: { role, content: text, ...rest, ...(calls.length > 0 && { tool_calls: calls }) },
    logprobs: null,
    finish_reason: "stop",
    ...fields,
  };
}

function textChoice({ text, fields }: AssembledChoice, index: number): Fields {
  return { index, text: text ?? "", logprobs: null, finish_reason: "stop", ...fields };
}

function addMessageDelta(
  choice: AssembledChoice,
  { content, tool_calls: calls, role, ...rest }: Fields,
): void {
  if (typeof content === "string") choice.text = (choice.text ?? "") + content;
  if (typeof role === "string") choice.message["role"] = role;
  if (Array.isArray(calls)) for (const call of calls) if (isFields(call)) addToolCall(choice.toolCalls, call);
  for (const [name, value] of Object.entries(rest)) {
    if (value === null || value === undefined) continue;
    const before = choice.message[name];
    if (name === "function_call" && isFields(value)) choice.message[name] = mergedFunction(before, value);
    else if (typeof value === "string")
      choice.message[name] = (typeof before === "string" ? before : "") + value;
    else if (Array.isArray(value))
      choice.message[name] = [...(Array.isArray(before) ? before : []), ...value];
    else choice.message[name] = value;
  }
}

function addToolCall(toolCalls: Fields[], { index, function: called, ...rest }: Fields): void {
  const place = index === undefined ? toolCalls.length : index;
  if (!isChoiceIndex(place)) return;
  while (toolCalls.length <= place) toolCalls.push({});
  const call = toolCalls[place]!;
  for (const [name, value] of Object.entries(rest)) if (value !== null) call[name] = value;
  if (isFields(called)) call["function"] = mergedFunction(call["function"], called);
}

/** The name comes whole, the arguments come in pieces. */
function mergedFunction(before: unknown, { name, arguments: piece, ...rest }: Fields): Fields {
  const known = isFields(before) ? before : { name: "", arguments: "" };
  const text = typeof known["arguments"] === "string" ? known["arguments"] : "";
  return {
    ...known,
    ...rest,
    ...(typeof name === "string" && name !== "" && { name }),
    arguments: text + (typeof piece === "string" ? piece : ""),
  };
}

function joinArrays(before: unknown, next: Fields): Fields {
  const joined: Fields = isFields(before) ? { ...before } : {};
  for (const [name, value] of Object.entries(next)) {
    const known = joined[name];
    joined[name] =
      Array.isArray(value) && Array.isArray(known) ? known.concat(value) : (value ?? known ?? null);
  }
  return joined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Choices and tool calls come from an engine: a wild index must not make us allocate. */
function isChoiceIndex(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 1_024;
}
