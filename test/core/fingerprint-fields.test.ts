import assert from "node:assert/strict";
import { test } from "node:test";
import { isNevertwiceError, ok } from "../../src/index.ts";
import { Order, stage } from "./stage.ts";

test("fields that can name nothing of a payload are refused where they are declared", () => {
  // Plain JavaScript can give anything, and half a character is what a careless cut leaves.
  for (const fields of [[], "amount", [1], ["\ud800"], { 0: "amount" }]) {
    const declare = () =>
      stage()
        .process()
        .operation("pay", {
          input: Order,
          fingerprint: fields as readonly string[],
          handler: async () => ok(),
        });
    assert.throws(declare, (error) => isNevertwiceError(error, "option-invalid"), String(fields));
  }
});
