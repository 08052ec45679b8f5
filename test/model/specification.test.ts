import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CONFIGURATIONS, hasTools, MUTANTS, search } from "../../scripts/prove-model.ts";
import { DOUBTS, FORMS, STATES, TRANSITIONS } from "../../src/model/operation.ts";
import { RESULT_KINDS, VERDICTS } from "../../src/model/step.ts";

const ROOT = join(import.meta.dirname, "../..");
const model = read("spec/operation.pml");
const decide = read("src/model/decide.ts");
const page = read("docs/reference/specification.md");

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** The words of one list of the model, without its name and but for its own `none`. */
function listed(name: string): string[] {
  const [, words = ""] = new RegExp(`mtype:${name} = \\{([^}]*)\\}`).exec(model) ?? [];
  return words
    .split(",")
    .map((word) => word.trim().replace(`${name}_`, "").replaceAll("_", "-"))
    .filter((word) => word !== "none")
    .toSorted();
}

/** The values of a field of one type of decide.ts. */
function declared(type: string, field = "kind"): string[] {
  const start = decide.indexOf(`export type ${type} =`);
  const text = decide.slice(start, decide.indexOf("\n\n", start));
  const values = [...text.matchAll(new RegExp(`readonly ${field}: ([^;}]+)[;}]`, "g"))];
  const words = values.flatMap(([, value = ""]) => [...value.matchAll(/"([\w-]+)"/g)]);
  return [...new Set(words.map(([, word = ""]) => word))].toSorted();
}

/** The rows of the model's table of transitions. */
function legal(): Record<string, string[]> {
  const rows: Record<string, string[]> = {};
  for (const [, from = "", to = ""] of model.matchAll(/\(from == (\w+) && to == (\w+)\)/g))
    rows[from] = [...(rows[from] ?? []), to].toSorted();
  return rows;
}

test("the model has the states of the code, and one before the claim", () => {
  const states = listed("state").map((state) => state.replaceAll("-", "_"));
  assert.deepEqual(states, ["absent", ...STATES].toSorted());
});

test("the model's transitions are those of the code", () => {
  const { absent, ...rows } = legal();
  const code = Object.entries(TRANSITIONS).filter(([, to]) => to.length > 0);
  assert.deepEqual(rows, Object.fromEntries(code.map(([from, to]) => [from, to.toSorted()])));
  // A claim begins in running; an atomic operation is claimed and final in one commit.
  assert.deepEqual(absent, ["failed", "running", "succeeded"]);
});

test("the model has the words of the code", () => {
  const same: readonly (readonly [string, readonly string[]])[] = [
    ["claim", declared("ClaimDecision")],
    ["next", declared("Continuation")],
    ["settle", declared("SettleDecision")],
    ["end", declared("EndDecision")],
    ["form", FORMS],
    ["doubt", DOUBTS],
    ["verdict", VERDICTS],
    ["result", RESULT_KINDS],
    ["crash", ["doubt", "rerun", "probe"]],
  ];
  for (const [name, words] of same) {
    assert.ok(words.length > 1, `nothing was read for ${name}`);
    assert.deepEqual(listed(name), words.toSorted(), name);
  }
  const codes = [...decide.matchAll(/code(?:: |: record.* \? | = .* \? )"([\w-]+)"/g)];
  const read = new Set(codes.map(([, code = ""]) => code));
  for (const code of read) assert.ok(listed("code").includes(code), `code ${code}`);
  for (const code of listed("code")) assert.ok(decide.includes(`"${code}"`), `code ${code}`);
});

/** The functions of decide.ts that the model has no use for. */
const LEFT_OUT: ReadonlySet<string> = new Set(["decide", "waitOf"]);

test("each function of the rules is a macro of the same name, and stands in the page", () => {
  const functions = [...decide.matchAll(/^(?:export )?function (\w+)\(/gm)];
  const names = new Set(functions.map(([, name = ""]) => name));
  assert.ok(names.size > 10, "the functions were not read");
  for (const name of [...names].filter((one) => !LEFT_OUT.has(one))) {
    assert.match(model, new RegExp(`^(?:inline|#define) ${name}\\b`, "m"), name);
    assert.ok(page.includes(`\`${name}\``), `the page says nothing of ${name}`);
  }
});

test("the page names every configuration and every mutant", () => {
  for (const { name } of [...CONFIGURATIONS, ...MUTANTS])
    assert.ok(page.includes(`| ${name} |`), `the page says nothing of "${name}"`);
});

const skip = (await hasTools()) ? false : "there is no spin with a C compiler";
if (skip) console.warn(`SKIPPED: ${skip}: the model is not searched.`);

test("the model keeps its promises, and a mutant of it does not", { skip }, async () => {
  const small = ["-DTROUBLES=1", "-DWORDS=0", "-DKEYED=0"];
  const honest = await search({ name: "small", defines: small }, true);
  assert.equal(honest.broken, undefined);
  assert.ok(honest.complete && honest.states > 1_000, `${honest.states} states`);
  const mutant = await search(
    { name: "no fence", defines: [...small, "-DNO_FENCE", "-DMONEY"] },
    true,
  );
  assert.equal(mutant.broken, "the effect happened twice");
  assert.ok(mutant.steps > 10);
});
