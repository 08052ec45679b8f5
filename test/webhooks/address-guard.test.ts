import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Address,
  type AddressPolicy,
  checkedAddresses,
  checkedUrl,
  hostNames,
  isPublic,
  resolveAll,
} from "../../src/webhooks/address-guard.ts";
import { testProperty } from "../property.ts";
import { refusedWith } from "./bench.ts";

const PUBLIC = [
  ...["1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"],
  ...["172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "223.255.255.255"],
  ...["2606:4700:4700::1111", "2a00:1450:4001::200e", "2001:4860:4860::8888"],
];

const PRIVATE = [
  ...["0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254"],
  ...["168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192"],
  ...["192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"],
  ...["224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"],
  ...["::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8"],
  ...["64:ff9b::7f00:1", "64:ff9b:1::a00:1", "100::1", "fc00::1", "fd00:ec2::254", "fe80::1"],
  ...["fe80::1%eth0", "2a00::1%eth0", "fec0::1", "ff02::1", "2001::1", "2001:db8::1", "3fff::1"],
  ...["2002:7f00:1::", "4000::1", "5f00::1", "", "localhost", "127.1", "0x7f.1"],
];

test("an address is public only where a public server can have it", () => {
  assert.deepEqual(
    PUBLIC.filter((address) => !isPublic(address)),
    [],
  );
  assert.deepEqual(PRIVATE.filter(isPublic), []);
});

testProperty(
  "no IPv4 address is public in the disguise of an IPv6 one",
  fc.property(fc.ipV4(), fc.constantFrom("::ffff:", "::", "64:ff9b::"), (address, head) => {
    assert.equal(isPublic(`${head}${address}`), false);
  }),
);

function policy(given: Partial<AddressPolicy> = {}): AddressPolicy {
  return {
    allowHosts: new Set(),
    allowInsecure: false,
    resolve: () => Promise.reject(new Error("Nobody is to be asked.")),
    ...given,
  };
}

const V4 = (address: string): Address => ({ address, family: 4 });

test("a URL is refused for its scheme, its credentials and the address in it", async () => {
  const refused = [
    ...["http://shop.example/", "ftp://shop.example/", "file:///etc/passwd", "shop.example", ""],
    ...["https://user@shop.example/", "https://user:word@shop.example/", "https://:word@a.example"],
    ...["https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/"],
    ...[
      "https://0177.0.0.1/",
      "https://[::1]/",
      "https://[::ffff:127.0.0.1]/",
      "https://１２７.1/",
    ],
  ];
  for (const url of refused) await refusedWith("address-refused", () => checkedUrl(url, policy()));
  assert.equal(checkedUrl("https://shop.example:8443/a?b", policy()).port, "8443");
  assert.equal(checkedUrl("https://8.8.8.8/", policy()).hostname, "8.8.8.8");
  const insecure = policy({ allowInsecure: true });
  assert.equal(checkedUrl("http://shop.example/", insecure).protocol, "http:");
  await refusedWith("address-refused", () => checkedUrl("http://127.0.0.1/", insecure));
});

test("one private address among several refuses the name, and so does none at all", async () => {
  const url = new URL("https://shop.example/");
  for (const addresses of [[V4("8.8.8.8"), V4("10.0.0.1")], [V4("10.0.0.1")], []])
    await refusedWith("address-refused", () =>
      checkedAddresses(url, policy({ resolve: async () => addresses })),
    );
  const both = [V4("8.8.8.8"), { address: "2606:4700:4700::1111", family: 6 }];
  const found = await checkedAddresses(url, policy({ resolve: async () => both }));
  assert.deepEqual(found, both);
});

test("the system's own resolver is asked for all addresses of a name", async () => {
  const url = new URL("https://localhost/");
  await refusedWith("address-refused", () =>
    checkedAddresses(url, policy({ resolve: resolveAll })),
  );
  const own = policy({ resolve: resolveAll, allowHosts: hostNames(["localhost"]) });
  assert.ok((await checkedAddresses(url, own)).every(({ address }) => !isPublic(address)));
});

test("a name that turns private between two sends is refused the second time", async () => {
  const answers = [[V4("8.8.8.8")], [V4("127.0.0.1")]];
  const rebinding = policy({ resolve: async () => answers.shift() ?? [] });
  const url = new URL("https://shop.example/");
  assert.deepEqual(await checkedAddresses(url, rebinding), [V4("8.8.8.8")]);
  await refusedWith("address-refused", () => checkedAddresses(url, rebinding));
});

test("an allowed host is exempt by its exact name alone", async () => {
  const resolve = async (): Promise<Address[]> => [V4("127.0.0.1")];
  const own = policy({ allowHosts: hostNames(["Hooks.Shop.example", "::1"]), resolve });
  const at = (host: string): Promise<readonly Address[]> =>
    checkedAddresses(new URL(`https://${host}/`), own);
  assert.deepEqual(await at("hooks.shop.example"), [V4("127.0.0.1")]);
  assert.deepEqual(await at("[::1]"), [{ address: "::1", family: 6 }]);
  for (const other of ["shop.example", "a.hooks.shop.example", "hooks.shop.example."])
    await refusedWith("address-refused", () => at(other));
  for (const name of ["https://a.example", "a.example:8443", "a.example/x", "u@a.example", ""])
    await refusedWith("option-invalid", () => hostNames([name]));
});
