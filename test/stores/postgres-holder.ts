import { postgresStore } from "../../src/stores/postgres/store.ts";
import { claimed, claimOf } from "../../src/verify/cases/sample.ts";
import { quietPool } from "./postgres-bench.ts";

/** A process that claims a key and holds it, without a renewal, until somebody ends it. */
const [url = "", form = ""] = process.argv.slice(2);
const store = postgresStore(quietPool(url));
await claimed(store, claimOf("k", { form: form === "opaque" ? "opaque" : "resumable" }));
process.send?.("held");
// The channel to the test keeps the process alive.
process.on("disconnect", () => process.exit());
