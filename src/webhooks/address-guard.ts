import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { NevertwiceError } from "../model/errors.ts";

/** An address that a name stands for. */
export interface Address {
  readonly address: string;
  readonly family: number;
}

/** All addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly Address[]>;

/** Where webhooks may go. */
export interface AddressPolicy {
  /** Hosts that may have any address, spelled exactly as in the URL. */
  readonly allowHosts: ReadonlySet<string>;
  /** Whether `http:` is allowed. */
  readonly allowInsecure: boolean;
  readonly resolve: Resolve;
}

/** IPv4 networks that are nobody's public server, and who says so. */
const PRIVATE_IPV4: readonly (readonly [network: string, prefix: number, source: string])[] = [
  ["0.0.0.0", 8, "RFC 1122: this network"],
  ["10.0.0.0", 8, "RFC 1918: private"],
  ["100.64.0.0", 10, "RFC 6598: shared behind carriers' NAT; metadata of a cloud"],
  ["127.0.0.0", 8, "RFC 1122: loopback"],
  ["168.63.129.16", 32, "Azure's documentation: its platform, from within"],
  ["169.254.0.0", 16, "RFC 3927: link-local; metadata of most clouds"],
  ["172.16.0.0", 12, "RFC 1918: private"],
  ["192.0.0.0", 24, "RFC 6890: protocol assignments; metadata of a cloud"],
  ["192.0.2.0", 24, "RFC 5737: documentation"],
  ["192.88.99.0", 24, "RFC 7526: former 6to4 relays"],
  ["192.168.0.0", 16, "RFC 1918: private"],
  ["198.18.0.0", 15, "RFC 2544: benchmarks"],
  ["198.51.100.0", 24, "RFC 5737: documentation"],
  ["203.0.113.0", 24, "RFC 5737: documentation"],
  ["224.0.0.0", 4, "RFC 5771: multicast"],
  ["240.0.0.0", 4, "RFC 1112: reserved, and broadcast"],
];

/**
 * The only IPv6 network with public servers, by RFC 4291. Outside of it are loopback, link-local
 * and unique-local addresses, multicast, and IPv4 addresses in disguise: mapped, compatible, NAT64.
 */
const GLOBAL_IPV6 = ["2000::", 3] as const;

/** Those within it that are none. */
const PRIVATE_IPV6: readonly (readonly [network: string, prefix: number, source: string])[] = [
  ["2001::", 23, "RFC 2928: protocol assignments, Teredo among them, which carries IPv4"],
  ["2001:db8::", 32, "RFC 3849: documentation"],
  ["2002::", 16, "RFC 3056: 6to4, which carries IPv4"],
  ["3fff::", 20, "RFC 9637: documentation"],
];

const refusedNetworks = new BlockList();
const globalNetworks = new BlockList();
for (const [network, prefix] of PRIVATE_IPV4) refusedNetworks.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of PRIVATE_IPV6) refusedNetworks.addSubnet(network, prefix, "ipv6");
globalNetworks.addSubnet(...GLOBAL_IPV6, "ipv6");

/**
 * Whether an address may be a public server's.
 *
 * @internal
 */
export function isPublic(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !refusedNetworks.check(address, "ipv4");
    case 6:
      // One with a zone is link-local, and no address that the list could read.
      return (
        !address.includes("%") &&
        globalNetworks.check(address, "ipv6") &&
        !refusedNetworks.check(address, "ipv6")
      );
    default:
      return false;
  }
}

/** Every address of a name, by the resolver of the system. */
export function resolveAll(hostname: string): Promise<readonly Address[]> {
  return lookup(hostname, { all: true });
}

/**
 * The URL of a webhook, which is `https:` and holds no credentials.
 *
 * @throws address-refused
 */
export function checkedUrl(text: string, policy: AddressPolicy): URL {
  const url = URL.parse(text);
  if (url === null) throw refusal("The address is no URL.");
  if (url.protocol !== "https:" && !(policy.allowInsecure && url.protocol === "http:"))
    throw refusal("The address does not begin with https.");
  if (url.username !== "" || url.password !== "")
    throw refusal("The address holds credentials, which would stand in logs.");
  const literal = literalOf(url);
  if (literal !== undefined) checkAddresses(url, [literal], policy);
  return url;
}

/**
 * The addresses to connect to, all of them checked: who connects must not ask for the name again,
 * because the next answer may be another one.
 *
 * @throws address-refused if any is not public, and what the resolver throws
 */
export async function checkedAddresses(
  url: URL,
  policy: AddressPolicy,
): Promise<readonly Address[]> {
  const literal = literalOf(url);
  const addresses = literal === undefined ? await policy.resolve(url.hostname) : [literal];
  checkAddresses(url, addresses, policy);
  return addresses;
}

function checkAddresses(url: URL, addresses: readonly Address[], policy: AddressPolicy): void {
  if (addresses.length === 0) throw refusal("The name has no address.");
  if (policy.allowHosts.has(url.hostname)) return;
  // One is enough: the name is in the hands of somebody who tries.
  if (!addresses.every(({ address }) => isPublic(address)))
    throw refusal(`The host ${url.hostname} has an address that is not public.`);
}

/** The address that stands in the URL itself; the URL has undone its odd spellings. */
function literalOf({ hostname }: URL): Address | undefined {
  const address = hostname.replace(/^\[(.*)\]$/, "$1");
  const family = isIP(address);
  return family === 0 ? undefined : { address, family };
}

/** Names of hosts as a URL spells them. @throws option-invalid */
export function hostNames(names: readonly string[]): ReadonlySet<string> {
  return new Set(
    names.map((name) => {
      const url = URL.parse(`https://${isIP(name) === 6 ? `[${name}]` : name}/`);
      if (url !== null && url.host === url.hostname && url.pathname === "/" && url.username === "")
        return url.hostname;
      const detail = "`allowHosts` takes names of hosts, without scheme, port and path.";
      throw new NevertwiceError("option-invalid", detail);
    }),
  );
}

function refusal(detail: string): NevertwiceError {
  return new NevertwiceError("address-refused", detail);
}
