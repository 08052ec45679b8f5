import { serve } from "../../src/cli/demo/web.ts";
import { sandboxClient } from "../../src/sandbox/client.ts";
import { createApplication } from "../crash/application.ts";
import { openBooks } from "../crash/books.ts";
import type { ServerSettings } from "./server.ts";

const [, , db = "", sandboxUrl = "", settings = "{}"] = process.argv;
const books = openBooks(db);
const { once, handle } = createApplication(
  books,
  sandboxClient(sandboxUrl, { timeoutMs: 20_000 }),
  JSON.parse(settings) as ServerSettings,
);

/** What only the test may ask: to move the database's clock, and to prune. */
async function control(request: Request): Promise<Response> {
  const { skewMs, prune } = (await request.json()) as { skewMs?: number; prune?: boolean };
  if (skewMs !== undefined) books.skew.ms = skewMs;
  return Response.json(prune === true ? await once.prune() : {});
}

const server = await serve(
  (request) => (new URL(request.url).pathname === "/control" ? control(request) : handle(request)),
  { port: 0, host: "127.0.0.1" },
);
process.on("disconnect", () => process.exit(0));
process.send?.(server.url);
