import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzz } from "./run.ts";
import { TARGETS } from "./targets.ts";

const EXECUTIONS = 1_500;

for (const target of TARGETS)
  test(`whatever strangers send: ${target.name}`, async () => {
    const { finding } = await fuzz(target, 1, { executions: EXECUTIONS });
    if (finding === undefined) return;
    const input = Buffer.from(finding.input).toString("hex");
    assert.fail(`npm run prove -- fuzz --target ${target.name} --input ${input}\n${finding.error}`);
  });
