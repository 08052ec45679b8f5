/** What a person orders for the rows that a filter finds. */
export interface Ruling<Filter> {
  readonly filter: Filter;
  readonly by: string;
  readonly reason: string;
  /** Only says what it would change; that it was asked is kept all the same. */
  readonly dryRun: boolean;
}

/** An order as it is kept. */
export interface RulingRecord {
  /** Database time, in milliseconds since 1970. */
  readonly at: number;
  /** Such as `inbox.redeliver`. */
  readonly action: string;
  readonly by: string;
  readonly reason: string;
  /** The filter as JSON. */
  readonly filter: string;
  readonly dryRun: boolean;
  readonly count: number;
}
