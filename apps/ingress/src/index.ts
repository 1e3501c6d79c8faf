export { AnswerAssembler, type AnswerIdentity } from "./answers/answer-assembler.js";
export { runIngress, type RunningIngress } from "./run-ingress.js";
export { openApiDocument } from "./system/openapi-document.js";
