/**
 * A chat as plain text, for servers that know no chats. The form is ChatML, without the model's own special tokens
 * being looked up: each message is `<|im_start|>ROLE\nTEXT<|im_end|>\n`, and `<|im_start|>assistant\n` asks for the
 * answer. Parts of a message other than text are left out.
 */
export function chatPrompt(messages: readonly unknown[]): string {
  return `${messages.map(renderMessage).join("")}<|im_start|>assistant\n`;
}

function renderMessage(message: unknown): string {
  if (!isObject(message)) return "";
  return `<|im_start|>${String(message["role"])}\n${textOf(message["content"])}<|im_end|>\n`;
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part: unknown) => (isObject(part) && typeof part["text"] === "string" ? part["text"] : ""))
    .join("");
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;
