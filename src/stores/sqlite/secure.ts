import { NevertwiceError } from "../../model/errors.ts";
import type { Connection } from "./client.ts";
import type { Mark } from "./mark.ts";

/** The level of `PRAGMA synchronous` from which a commit in WAL mode is on the disk. */
const FULL = 2;

/**
 * What to do before each transaction: the user may have changed the connection's settings since the
 * last one, and setting them again costs less than looking.
 */
export function securing(connection: Connection, mark: Mark): () => void {
  let settings: string | undefined;
  return () => {
    if (settings === undefined) settings = secured(connection);
    else connection.exec(settings);
    mark.prepare();
  };
}

/** Sets and asserts durability; gives the text to set it again. @throws capability-missing */
function secured(connection: Connection): string {
  connection.exec("PRAGMA busy_timeout=0");
  // A user's EXTRA is more than FULL, and stays.
  const level = Math.max(FULL, Number(connection.pragma("synchronous")));
  const settings = `PRAGMA busy_timeout=0; PRAGMA synchronous=${level}`;
  connection.exec(settings);
  if (connection.pragma("synchronous") !== level)
    throw new NevertwiceError("capability-missing", "The file refuses `PRAGMA synchronous=FULL`.");
  if (
    connection.pragma("journal_mode") !== "wal" &&
    connection.pragma("journal_mode=WAL") !== "wal"
  )
    throw new NevertwiceError(
      "capability-missing",
      "It refuses `PRAGMA journal_mode=WAL`. Open a file on a local disk, not `:memory:`.",
    );
  return settings;
}
