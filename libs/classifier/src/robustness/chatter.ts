/** What people write around a question that says nothing about it. */
import { pick, type Perturbation } from "./perturbation.js";

/** Openings, each ending so that a prompt can follow. */
export const openings: readonly string[] = [
  "Hi! Hope you're well, quick question: ",
  "Hello there, I was wondering if you could help me with something. ",
  "Hey, sorry to bother you again. ",
  "Good morning! I have been thinking about this since yesterday. ",
  "ok so here's the thing, ",
  "Thanks for your last answer, that was great. Now: ",
  "I'm not sure whether this is the right place to ask, but ",
  "This may be a silly question. ",
  "You are my last hope today. ",
  "Dear assistant,\n\nI would be grateful for your help with the following.\n\n",
  "hiya :) one more for you - ",
  "As a friend of mine told me you know a lot, I'll just ask. ",
  "Take your time and be careful with this one. ",
  "I only have two minutes, so please be brief. ",
  "Let me start by saying that I am a complete beginner. ",
  "Greetings from a rainy place! ",
  "Alright, next one. ",
  "My colleague and I could not agree on this, so we decided to ask you. ",
  "hey hey, long time no see! anyway, ",
  "Before I forget it: ",
];

/** Closings that follow a prompt. */
export const closings: readonly string[] = [
  "\n\nThanks in advance!",
  " Thank you so much, you are a star.",
  "\n\nBest regards,\nAlex",
  " Please keep it short.",
  " No rush, whenever you have a moment.",
  "\n\nLet me know if anything is unclear.",
  " I really appreciate it.",
  " cheers mate",
  "\n\nSent from my phone",
  " Have a lovely day!",
  " And sorry for the long message.",
  " Does that make sense?",
];

export const openingChatter: Perturbation = {
  name: "opening chatter",
  description: "a greeting or an excuse before the prompt",
  apply: (text, random) => pick(openings, random) + text,
};

export const closingChatter: Perturbation = {
  name: "closing chatter",
  description: "thanks, a signature or small talk after the prompt",
  apply: (text, random) => text + pick(closings, random),
};
