export * from "./token-log.js";
