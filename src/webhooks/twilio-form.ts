import { NevertwiceError } from "../model/errors.ts";

/** The parameters of a form; several values of one name stand in a list. */
export type Parameters = Readonly<Record<string, string | readonly string[]>>;

/**
 * A form's parameters. Strictly: a lenient reader gives the same text for different bytes.
 *
 * @throws webhook-malformed
 */
export function formOf(text: string): Parameters {
  const form = new Map<string, string[]>();
  for (const pair of text === "" ? [] : text.split("&")) {
    const [name = "", value = ""] = pair.split(/=(.*)/s).map(unescaped);
    const values = form.get(name);
    if (values === undefined) form.set(name, [value]);
    else values.push(value);
  }
  const entries = [...form].map(([name, values]) => [
    name,
    values.length === 1 ? (values[0] ?? "") : values,
  ]);
  return Object.fromEntries(entries) as Parameters;
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch (error) {
    throw new NevertwiceError("webhook-malformed", "The body is no form.", { cause: error });
  }
}

/** Parameters as Twilio signs them: by name, each value once, with nothing between. */
export function joined(form: Parameters): string {
  return Object.keys(form)
    .sort()
    .map((name) => {
      const value = form[name] ?? "";
      if (typeof value === "string") return name + value;
      return [...new Set(value)]
        .sort()
        .map((one) => name + one)
        .join("");
    })
    .join("");
}

/** The spellings of a URL that Twilio may have signed: as it is, without its port, and with one. */
export function signedUrls(url: string): readonly string[] {
  const [, scheme = "", host = "", rest = ""] = /^(https?:\/\/)([^/?#]*)(.*)$/s.exec(url) ?? [];
  const bare = host.replace(/:\d+$/, "");
  const port = scheme === "https://" ? ":443" : ":80";
  const withPort = bare === host ? scheme + host + port + rest : url;
  return [...new Set([url, scheme + bare + rest, withPort])];
}
