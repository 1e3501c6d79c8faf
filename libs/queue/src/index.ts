export * from "./expert-queue.js";
