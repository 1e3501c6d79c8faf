export * from "./connect.js";
export * from "./lua-script.js";
