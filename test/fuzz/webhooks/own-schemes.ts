import { createHash, sign as signWith } from "node:crypto";
import { crc32 } from "node:zlib";
import { adyenWebhook } from "../../../src/webhooks/adyen.ts";
import { braintreeWebhook } from "../../../src/webhooks/braintree.ts";
import { mollieWebhook } from "../../../src/webhooks/mollie.ts";
import { paypalWebhook } from "../../../src/webhooks/paypal.ts";
import { twilioWebhook } from "../../../src/webhooks/twilio.ts";
import { selfSigned } from "../../webhooks/certificate.ts";
import { bytesOf, headerOf, macOf, type Scene, textOf, type Wire } from "./scene.ts";

const ADYEN_KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
const ITEM = {
  ...{ pspReference: "psp-1", originalReference: "881", merchantAccountCode: "77" },
  ...{ merchantReference: "5", amount: { value: 1999, currency: "EUR" } },
  ...{ eventCode: "CAPTURE", success: "true", eventDate: "2026-09-21T14:13:20+00:00" },
};

interface AdyenFields extends Partial<Omit<typeof ITEM, "amount">> {
  readonly amount?: Partial<typeof ITEM.amount>;
}

interface AdyenBody {
  readonly notificationItems: readonly { readonly NotificationRequestItem: AdyenFields }[];
}

function adyenContent(item: AdyenFields): string {
  const { pspReference, originalReference, merchantAccountCode, merchantReference } = item;
  const names = [pspReference, originalReference, merchantAccountCode, merchantReference];
  const { amount, eventCode, success } = item;
  const fields = [...names, amount?.value, amount?.currency, eventCode, success];
  return fields.map((field) => field ?? "").join(":");
}

function adyenMac(content: string): string {
  return macOf(bytesOf(content), "base64", "sha256", Buffer.from(ADYEN_KEY, "hex"));
}

function adyenBody(...items: readonly object[]): string {
  const notificationItems = items.map((item) => ({ NotificationRequestItem: item }));
  return JSON.stringify({ live: "false", notificationItems });
}

/** Each item is signed by itself, so that a body of fewer of them is authentic too. */
const adyen: Scene = {
  name: "adyen",
  provider: adyenWebhook({ secret: ADYEN_KEY }),
  bodies: [adyenBody(ITEM), adyenBody({ ...ITEM, eventCode: "AUTHORISATION", success: "false" })],
  sign(body) {
    try {
      const { notificationItems } = JSON.parse(textOf({ body })) as AdyenBody;
      const items = notificationItems.map(({ NotificationRequestItem }) => {
        // A number that is too large for a double is sent as null, and signed as what is sent.
        const item: AdyenFields = JSON.parse(JSON.stringify(NotificationRequestItem));
        const additionalData = { hmacSignature: adyenMac(adyenContent(item)) };
        return { ...item, additionalData };
      });
      return { headers: [], body: bytesOf(adyenBody(...items)) };
    } catch {
      const headers = [["hmacsignature", adyenMac(textOf({ body }))]] as const;
      return { headers };
    }
  },
  covered(wire) {
    const { notificationItems } = JSON.parse(textOf(wire)) as AdyenBody;
    const items = notificationItems.map(({ NotificationRequestItem: item }) => adyenContent(item));
    return [...new Set(items)].join("\n");
  },
  loosePayload: true,
  words: [":", '"881"', "881", "77", "5", "null", '"additionalData":{}', "[", "]"],
};

const adyenPlatform: Scene = {
  ...{ name: "adyen-platform", provider: adyen.provider },
  bodies: [JSON.stringify({ type: "balancePlatform.transfer.updated", data: { id: "T1" } })],
  sign: (body) => ({
    headers: [["hmacsignature", adyenMac(textOf({ body }))]],
  }),
  covered: ({ body }) => body,
};

const XML = [
  '<?xml version="1.0"?><notification><timestamp type="datetime">2026-09-21T14:13:20Z</timestamp>',
  "<kind>check</kind><subject><transaction><id>t1</id><tags type='array'><tag>x</tag></tags>",
  "</transaction></subject></notification>",
].join("");

function braintreeMac(content: string): string {
  return macOf(
    bytesOf(content),
    "hex",
    "sha1",
    createHash("sha1").update("first-secret-1234").digest(),
  );
}

const braintree: Scene = {
  name: "braintree",
  provider: braintreeWebhook({ keys: { publicKey: "public", privateKey: "first-secret-1234" } }),
  bodies: [XML, XML.replace("t1", "t2").replaceAll("'", '"')],
  sign(xml) {
    const payload = `${Buffer.from(xml, "latin1").toString("base64")}\n`;
    const form = new URLSearchParams({
      bt_signature: `public|${braintreeMac(payload)}`,
      bt_payload: payload,
    });
    return { headers: [], body: form.toString() };
  },
  covered: (wire) => (new URLSearchParams(textOf(wire)).get("bt_payload") ?? "").replace(/\n$/, ""),
  words: ["bt_signature=", "bt_payload=", "public|", "%26", "%0A", "&", "|", "<a/>", "&amp;"],
};

const CERT_URL = "https://api.paypal.com/v1/notifications/certs/CERT-1";
const TIME = "2026-09-21T14:13:20Z";
const { pem, privateKey } = selfSigned({ name: "messageverificationcerts.paypal.com" });

function payPalContent(wire: Pick<Wire, "headers" | "body">): string {
  const of = (name: string) => headerOf(wire as Wire, `paypal-transmission-${name}`);
  return `${of("id")}|${of("time")}|hook|${crc32(Buffer.from(wire.body, "latin1"))}`;
}

const paypal: Scene = {
  name: "paypal",
  provider: paypalWebhook({ webhookId: "hook", fetchCertificate: async () => pem }),
  bodies: [JSON.stringify({ id: "WH-1", event_type: "PAYMENT.CAPTURE.COMPLETED", resource: {} })],
  sign(body) {
    const headers: Wire["headers"] = [
      ["paypal-transmission-id", "t1"],
      ["paypal-transmission-time", TIME],
      ["paypal-cert-url", CERT_URL],
      ["paypal-auth-algo", "SHA256withRSA"],
    ];
    const content = Buffer.from(payPalContent({ headers, body }));
    const signature = signWith("sha256", content, privateKey).toString("base64");
    return { headers: [...headers, ["paypal-transmission-sig", signature]] };
  },
  covered: payPalContent,
  words: ["|", "%2e%2e", "@", ".paypal.com", "paypal.com.evil.example", "http://"],
};

const HOST = "https://shop.example";

/** Names and values by the order of their names, after the URL. */
function twilioContent(url: string, text: string): string {
  const form = new URLSearchParams(url.includes("bodySHA256=") ? "" : `?${text}`);
  const names = [...new Set(form.keys())].sort();
  const parts = names.map((name) =>
    [...new Set(form.getAll(name))].sort().map((one) => name + one),
  );
  return HOST + url + parts.flat().join("");
}

function twilioScene(
  name: string,
  bodies: readonly string[],
  urlOf: (body: string) => string,
): Scene {
  return {
    ...{ name, bodies },
    provider: twilioWebhook({ secret: ["first-secret-1234"], baseUrl: HOST }),
    sign(body) {
      const url = urlOf(body);
      const content = twilioContent(url, textOf({ body }));
      return { url, headers: [["x-twilio-signature", macOf(bytesOf(content), "base64", "sha1")]] };
    },
    covered: (wire) => twilioContent(wire.url, textOf(wire)),
    words: ["Body=", "&", "=", "bodySHA256=", "%3F", ":443", "Sid", "MessageSid"],
  };
}

const twilio = twilioScene(
  "twilio",
  ["Body=hi&MessageSid=SM1&MessageStatus=sent", "Body=a&Body=b&CallSid=CA1"],
  () => "/hook?a=1",
);

const twilioJson = twilioScene(
  "twilio-json",
  ['[{"id":"1","type":"a"},{"type":"b"}]', '{"EventType":"onMessageAdded"}'],
  (body) => {
    const digest = createHash("sha256").update(Buffer.from(body, "latin1")).digest("hex");
    return `/hook?bodySHA256=${digest}`;
  },
);

/** Nothing in it is signed, and nothing in it is believed. */
const mollieClassic: Scene = {
  name: "mollie-classic",
  provider: mollieWebhook({ classic: true }),
  bodies: ["id=tr_1", "id=re_2"],
  sign: () => ({ headers: [] }),
  covered: () => "id=tr_1",
  looseKeys: true,
};

export const OWN_SCENES: readonly Scene[] = [
  ...[adyen, adyenPlatform, braintree, paypal, twilio, twilioJson, mollieClassic],
];
