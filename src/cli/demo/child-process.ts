/** A server that a child process runs. */
export interface Running {
  readonly url: string;
  close(): Promise<void>;
}

/** What the supervisor tells its child, once. */
export interface StartMessage {
  readonly kind: "start";
  readonly options: unknown;
}

/** What a child tells its supervisor, once. */
export type ChildMessage =
  | { readonly kind: "ready"; readonly url: string }
  | { readonly kind: "failed"; readonly reason: string; readonly code: string | undefined };

/**
 * Runs a server for the supervisor of this process: starts when told to, says where it listens,
 * closes on SIGTERM, and ends when the supervisor is gone.
 */
export function runAsChild(start: (options: unknown) => Promise<Running>): void {
  let running: Promise<Running> | undefined;
  process.on("disconnect", () => process.exit(0));
  // Ctrl+C reaches the whole process group, but it is the supervisor that ends its children.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => {
    const closed = running?.then((server) => server.close()) ?? Promise.resolve();
    closed.then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
  process.once("message", (message: StartMessage) => {
    running = start(message.options);
    running.then(
      ({ url }) => tell({ kind: "ready", url }),
      (error: unknown) => tell(failure(error), () => process.exit(1)),
    );
  });
}

function tell(message: ChildMessage, then: () => void = () => {}): void {
  process.send?.(message, then);
}

function failure(error: unknown): ChildMessage {
  const reason = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
  return { kind: "failed", reason, code };
}
