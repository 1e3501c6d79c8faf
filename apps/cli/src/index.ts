export { commandTable } from "./command-table.js";
