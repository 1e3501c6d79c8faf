export * from "./await-ready.js";
export * from "./connect.js";
export * from "./lua-script.js";
