import type { Row } from "./client.ts";

/** What a script came to: the rows of all its statements, and the command of the last one. */
export interface Played {
  readonly rows: readonly Row[];
  readonly command: string;
}

type Callback = (error: unknown, played?: Played) => void;

interface Connection {
  query(text: string): void;
  sendCopyFail(reason: string): void;
}

/**
 * Statements without parameters, as pg takes queries of others: it calls `submit` when it is this
 * one's turn, and hands over each message of the server. pg's own query copies its options by their
 * descriptors and reads the description of every column, which costs more than the rest of it.
 */
export class PgScript {
  /** A time-out of the pool's wraps it, so that it stays a member of that name. */
  callback: Callback;
  readonly #text: string;
  readonly #rows: Row[] = [];
  #command = "";

  constructor(text: string, callback: Callback) {
    this.#text = text;
    this.callback = callback;
  }

  submit(connection: Connection): void {
    connection.query(this.#text);
  }

  handleRowDescription(): void {}

  handleDataRow({ fields }: { readonly fields: Row }): void {
    this.#rows.push(fields);
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#command = text;
  }

  handleEmptyQuery(): void {}

  handlePortalSuspended(): void {}

  handleCopyInResponse(connection: Connection): void {
    connection.sendCopyFail("A script of ours copies nothing in.");
  }

  handleCopyData(): void {}

  handleError(error: unknown): void {
    this.callback(error);
  }

  handleReadyForQuery(): void {
    this.callback(null, { rows: this.#rows, command: this.#command });
  }
}
