import { expect, it } from "vitest";
import { AttemptsUnderWay, attemptsAtOnce } from "./attempts-under-way.js";

const { atReceiver, ofTenant } = attemptsAtOnce;
const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));

it("bounds the attempts at a receiver, whoever makes them", () => {
  const underWay = new AttemptsUnderWay();
  const enter = (tenant: string) => underWay.enter({ tenant, receiver: "a" });
  const places = times(atReceiver, (i) => enter(`tenant ${i}`));
  expect(places).not.toContain(undefined);
  expect(enter("another")).toBeUndefined();
  places[0]!();
  expect(enter("another")).toBeDefined();
  expect(enter("another")).toBeUndefined();
  expect(underWay.enter({ tenant: "another", receiver: "b" })).toBeDefined();
});

it("bounds the attempts of a tenant, wherever they go", () => {
  const underWay = new AttemptsUnderWay();
  const enter = (tenant: string, receiver: string) => underWay.enter({ tenant, receiver });
  const places = times(ofTenant, (i) => enter("one", `receiver ${i}`));
  expect(places).not.toContain(undefined);
  expect(enter("one", "a")).toBeUndefined();
  // What was refused takes nothing from the receiver.
  expect(times(atReceiver, () => enter("two", "a"))).not.toContain(undefined);
  places[0]!();
  expect(enter("one", "b")).toBeDefined();
});
