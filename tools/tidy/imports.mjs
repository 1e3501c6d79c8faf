/** Everything a source file imports: static, dynamic, for types only, and re-exported. */
import { parseSync } from "vite";

/** @param {string} path @param {string} text @returns {string[]} specifiers as written, each once */
export function importsOf(path, text) {
  const { module, program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0].message}`);
  const found = new Set(module.staticImports.map(({ moduleRequest }) => moduleRequest.value));
  for (const { entries } of module.staticExports) {
    for (const { moduleRequest } of entries) if (moduleRequest) found.add(moduleRequest.value);
  }
  collectExpressions(program, found);
  return [...found];
}

/** `import("x")` as a value and as a type, `require("x")`, and URLs that name a package by `import.meta.resolve("x")`. */
function collectExpressions(node, found) {
  if (Array.isArray(node)) {
    for (const each of node) collectExpressions(each, found);
    return;
  }
  if (typeof node !== "object" || node === null) return;
  const source = literal(
    node.type === "ImportExpression" || node.type === "TSImportType" ? node.source : undefined,
  );
  if (source !== undefined) found.add(source);
  if (
    node.type === "CallExpression" &&
    (isName(node.callee, "require") || isName(node.callee?.property, "resolve"))
  ) {
    const argument = literal(node.arguments[0]);
    const isResolve = !isName(node.callee, "require");
    if (argument !== undefined && (!isResolve || node.callee.object?.type === "MetaProperty"))
      found.add(argument);
  }
  for (const value of Object.values(node)) collectExpressions(value, found);
}

function literal(node) {
  const inner = node?.type === "TSLiteralType" ? node.literal : node;
  return typeof inner?.value === "string" ? inner.value : undefined;
}

function isName(node, name) {
  return node?.type === "Identifier" && node.name === name;
}
