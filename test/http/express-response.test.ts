import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, type ServerResponse, request as sendRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { after, test } from "node:test";
import type { RequestHandler } from "express";
import { assertProblem, assertReplay, until } from "./case.ts";
import { HEADERS, on } from "./express-bench.ts";
import { send } from "./wire.ts";
import { type House, RESPONSE_BYTES_MAX } from "./wiring.ts";

const folder = mkdtempSync(join(tmpdir(), "nevertwice-"));
writeFileSync(join(folder, "receipt.txt"), "receipt");
after(() => rmSync(folder, { recursive: true }));

test("F: sendFile is replayed, and its callback hears of the end", () =>
  on(
    "middleware",
    (house) => (_request, response, next) => {
      house.run("file");
      response.sendFile("receipt.txt", { root: folder }, (error) => {
        if (error) return next(error);
        house.run("told");
      });
    },
    async ({ post, house }) => {
      const first = await post();
      assert.equal(first.body.toString(), "receipt");
      assertReplay(first, await post());
      assert.deepEqual([house.runs("file"), house.runs("told")], [1, 1]);
    },
  ));

/** Handlers that stream `receipt` once the gate is open, by when their client has gone. */
const STREAMS: Readonly<Record<string, (house: House) => RequestHandler>> = {
  "a pipeline begun after its client went": (house) => async (_request, response, next) => {
    house.run("stream");
    await house.gate;
    pipeline(Readable.from(["rec", "eipt"]), response.type("text")).catch(next);
  },
  "a pipe begun before its client went": (house) => async (_request, response) => {
    const source = new PassThrough();
    source.pipe(response.type("text"));
    source.write("rec");
    house.run("stream");
    await house.gate;
    source.end("eipt");
  },
  "a file sent after its client went": (house) => async (_request, response, next) => {
    house.run("stream");
    await house.gate;
    response.sendFile("receipt.txt", { root: folder }, (error) => error && next(error));
  },
};

for (const [what, handler] of Object.entries(STREAMS)) {
  test(`T: ${what} is recorded whole`, () =>
    on(
      "middleware",
      handler,
      async ({ post, begin, house, url }) => {
        const gone = begin();
        gone.answer.catch(() => undefined);
        await until(() => house.runs("stream") === 1);
        gone.disconnect();
        // Two more round trips, so that the server has seen the end of the first connection.
        for (const _ of [1, 2]) await send(url, { method: "OPTIONS" });
        house.openGate();
        await until(() => house.events.some(({ type }) => type === "operation.settled"));
        const retry = await post();
        assert.deepEqual([retry.status, retry.body.toString()], [200, "receipt"]);
        assert.equal(retry.headers["idempotent-replayed"], "true");
        assert.deepEqual(house.errors, []);
      },
      (request, response, next) => void (request.method === "OPTIONS" ? response.end() : next()),
    ));
}

test("H25: the outcome waits for the work after the end of the response", () =>
  on(
    "wrapper",
    (house) => async (_request, response) => {
      house.run("late");
      response.json({ ok: true });
      await house.gate;
    },
    async ({ post, begin, house }) => {
      const running = begin();
      await until(() => house.runs("late") === 1);
      assertProblem(await post(), "in-progress");
      house.openGate();
      assertReplay(await running.answer, await post());
    },
  ));

test("H25: work that fails after the end of the response is a doubt, not a success", () =>
  on(
    "wrapper",
    (house) => async (_request, response) => {
      house.run("late");
      response.cookie("a", "b").json({ ok: true });
      await house.once.lookup({ scope: "acct_1", key: "another" });
      throw new Error("the e-mail was not sent");
    },
    async ({ post, house }) => {
      const first = await post();
      assertProblem(first, "in-doubt");
      assert.equal(first.headers["set-cookie"], undefined);
      assertProblem(await post(), "in-doubt");
      assert.equal(house.runs("late"), 1);
    },
  ));

test("F: an answer that failed half way is not stored", () =>
  on(
    "middleware",
    (house) => (_request, response, next) => {
      house.run("half");
      response.write("half of the ans");
      next(Object.assign(new Error("no more"), { status: 404 }));
    },
    async ({ post, house }) => {
      assertProblem(await post(), "in-doubt");
      assertProblem(await post(), "in-doubt");
      assert.equal(house.runs("half"), 1);
    },
  ));

test("F: what comes after the end changes nothing", () =>
  on(
    "middleware",
    () => (_request, response) => {
      response.json({ first: true });
      response.end("more");
      assert.equal(response.headersSent && response.writableEnded, true);
    },
    async ({ post }) => {
      const first = await post();
      assert.equal(first.body.toString(), '{"first":true}');
      assertReplay(first, await post());
    },
  ));

test("S5: headers of earlier middleware stay on every answer", () =>
  on(
    "middleware",
    (house) => (_request, response) => {
      response.status(house.run("cors") > 0 ? 500 : 200).json({});
    },
    async ({ post }) => {
      for (const answer of [await post(), await post()]) {
        assertProblem(answer, "in-doubt");
        assert.equal(answer.headers["access-control-allow-origin"], "*");
      }
    },
    (_request, response, next) => {
      response.setHeader("access-control-allow-origin", "*");
      next();
    },
  ));

test("F: a hook round writeHead that was mounted behind the protection still runs, once", () =>
  on(
    "middleware",
    (house) => (_request, response) => {
      const original = response.writeHead;
      response.writeHead = function (this: ServerResponse, ...given: unknown[]) {
        this.setHeader("etag", `"${house.run("hook")}"`);
        return original.apply(this, given as never);
      } as typeof response.writeHead;
      response.end("body");
    },
    async ({ post }) => {
      const first = await post();
      assert.equal(first.headers["etag"], '"1"');
      assertReplay(first, await post());
    },
  ));

test("F: a connection outlives a handler that outlives its answer", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (path: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const options = { method: "POST", headers: { ...HEADERS, "idempotency-key": path }, agent };
      const outgoing = sendRequest(`${origin}/${path}`, options, (incoming) => {
        incoming.resume().on("end", () => resolve(incoming.statusCode ?? 0));
      });
      outgoing.on("error", reject).end();
    });
  let origin = "";
  await on(
    "middleware",
    (house) => async (request, response) => {
      house.run("endless");
      if (request.path !== "/too-much") return void response.json({});
      response.write("x".repeat(RESPONSE_BYTES_MAX * 9));
      await house.gate;
      response.status(200).set("x-late", "1").json({ late: true });
      house.run("late");
    },
    async ({ house, url }) => {
      origin = url;
      assert.equal(await ask("too-much"), 503);
      house.openGate();
      await until(() => house.runs("late") === 1);
      assert.equal(await ask("next"), 200);
      assert.deepEqual(house.errors, []);
    },
  );
  agent.destroy();
});
