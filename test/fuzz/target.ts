import { type Chance, createChance } from "../simulation/chance.ts";

/** A reader of what strangers send, and the property that holds for whatever it is given. */
export interface Target<Input = unknown> {
  readonly name: string;
  make(chance: Chance): Input;
  /** Throws where the property does not hold. */
  check(input: Input): void | Promise<void>;
  /** The input as bytes, to be printed and to be given again. */
  toBytes(input: Input): Uint8Array;
  fromBytes(bytes: Uint8Array): Input;
}

/** A target whose input is an object of JSON with the same members each time. */
export function jsonTarget<Input>(parts: Pick<Target<Input>, "name" | "make" | "check">): Target {
  const shape = shapeOf(parts.make(createChance(0)));
  return widened({
    ...parts,
    toBytes: (input) => Buffer.from(JSON.stringify(input), "utf8"),
    fromBytes(bytes) {
      const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
      if (shapeOf(value) !== shape) throw new Error("It is no input of this target.");
      return value as Input;
    },
  });
}

function shapeOf(value: unknown): string {
  const members = Object.entries(Object(value)).map(([name, member]) => `${name} ${typeof member}`);
  return members.sort().join();
}

/** A target whose input is text, well-formed or not. */
export function textTarget(parts: Pick<Target<string>, "name" | "make" | "check">): Target {
  return widened({
    ...parts,
    toBytes: (input) => Buffer.from(input, "utf16le"),
    fromBytes: (bytes) => Buffer.from(bytes).toString("utf16le"),
  });
}

/** A target whose input is bytes. */
export function byteTarget(parts: Pick<Target<Uint8Array>, "name" | "make" | "check">): Target {
  return widened({ ...parts, toBytes: (input) => input, fromBytes: (bytes) => bytes });
}

function widened<Input>(target: Target<Input>): Target {
  return {
    name: target.name,
    make: (chance) => target.make(chance),
    check: (input) => target.check(input as Input),
    toBytes: (input) => target.toBytes(input as Input),
    fromBytes: (bytes) => target.fromBytes(bytes),
  };
}
