/** Inputs of one operation look alike, so that the first ones tell, and the rest costs nothing. */
const LOOKS = 16;
const PLACE_LENGTH_MAX = 200;

/** How many more inputs of an operation are looked at. */
const left = new WeakMap<Named, number>();

/** An operation as it was declared. */
interface Named {
  readonly name: string;
}

/**
 * Warns once of an operation whose stored inputs have a card's number or verification code in a
 * member of such a name. A code may not be kept after the authorisation, sealed or not.
 *
 * @see PCI DSS 4.0.1, requirements 3.3.1 and 3.5.1
 */
export function watchCardData(definition: Named, input: unknown): void {
  const looks = left.get(definition) ?? LOOKS;
  if (looks === 0) return;
  const found = findCardData(input, "");
  left.set(definition, found === undefined ? looks - 1 : 0);
  if (found === undefined) return;
  const message = `The inputs of the operation "${definition.name}" store ${found.what}.`;
  // A client may have chosen the names, and a log has lines.
  const place = JSON.stringify(found.place.slice(0, PLACE_LENGTH_MAX));
  const detail =
    `It is in the member ${place}. Take the provider's token in its place, ` +
    "or name the member in `redact`.";
  process.emitWarning(message, { code: "NEVERTWICE_CARD_DATA", detail });
}

interface Found {
  readonly what: "a card's number" | "a card's verification code";
  readonly place: string;
}

const CODE = /^(?:card)?(?:cvc2?|cvv2?|cvn|verificationcode|verificationvalue|securitycode)$/;
const NUMBER = /^(?:(?:(?:credit|debit|payment)?card|cc)(?:number|no)|pan|primaryaccountnumber)$/;
const CARD = /(?:^|\.)(?:credit|debit|payment)?_?card\.$/i;

/** The first member that looks so, by its name and its value. */
function findCardData(value: unknown, path: string): Found | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  for (const [name, member] of Object.entries(value)) {
    const place = path + name;
    const found =
      typeof member === "object"
        ? findCardData(member, `${place}.`)
        : judgeMember(name.toLowerCase().replaceAll(/[^a-z0-9]/g, ""), String(member), path);
    if (found === "code") return { what: "a card's verification code", place };
    if (found === "number") return { what: "a card's number", place };
    if (found !== undefined) return found;
  }
  return undefined;
}

function judgeMember(name: string, text: string, path: string): "code" | "number" | undefined {
  if (CODE.test(name)) return /^\d{3,4}$/.test(text) ? "code" : undefined;
  const isNumber = NUMBER.test(name) || (name === "number" && CARD.test(path));
  return isNumber && isCardNumber(text) ? "number" : undefined;
}

/** 13 to 19 digits, in groups or not, of which the last one checks the others (ISO/IEC 7812-1). */
function isCardNumber(text: string): boolean {
  if (text.length > 32) return false;
  const digits = text.replaceAll(/[ -]/g, "");
  if (!/^\d{13,19}$/.test(digits)) return false;
  let sum = 0;
  for (let place = 1; place <= digits.length; place += 1) {
    const digit = Number(digits.at(-place)) * (place % 2 === 0 ? 2 : 1);
    sum += digit > 9 ? digit - 9 : digit;
  }
  return sum % 10 === 0;
}
