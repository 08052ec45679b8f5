import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";
import { errors } from "undici";
import { judgeNetwork, NETWORK_EVIDENCE } from "../../src/model/network.ts";

/**
 * Which codes prove that a request never left, by the system call that failed. A code too many is
 * a second charge, so that each stands here a second time.
 */
const PROOFS: readonly (readonly [syscall: string | undefined, codes: string])[] = [
  ["getaddrinfo", "ENOTFOUND EAI_AGAIN EAI_FAIL EAI_NODATA EAI_NONAME EAI_MEMORY"],
  ["connect", "ECONNREFUSED ECONNRESET ECONNABORTED ETIMEDOUT EHOSTUNREACH EHOSTDOWN"],
  ["connect", "ENETUNREACH ENETDOWN EADDRNOTAVAIL EACCES EPERM EMFILE ENFILE ENOBUFS"],
  ["connect", "ENOENT EAFNOSUPPORT"],
  [undefined, "UND_ERR_CONNECT_TIMEOUT ERR_TLS_CERT_ALTNAME_INVALID CERT_HAS_EXPIRED"],
  [undefined, "DEPTH_ZERO_SELF_SIGNED_CERT SELF_SIGNED_CERT_IN_CHAIN CERT_NOT_YET_VALID"],
  [undefined, "CERT_UNTRUSTED CERT_REJECTED CERT_REVOKED CERT_SIGNATURE_FAILURE"],
  [undefined, "UNABLE_TO_VERIFY_LEAF_SIGNATURE UNABLE_TO_GET_ISSUER_CERT CERT_CHAIN_TOO_LONG"],
  [undefined, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY INVALID_CA INVALID_PURPOSE HOSTNAME_MISMATCH"],
];
const UNPROVED = [
  ...["ECONNRESET", "EPIPE", "UND_ERR_SOCKET", "ECONNABORTED", "ETIMEDOUT", "ESOCKETTIMEDOUT"],
  ...["UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT", "ABORT_ERR", "UND_ERR_ABORTED"],
  ...["UND_ERR_DESTROYED", "UND_ERR_CLOSED", "UND_ERR_RESPONSE", "HPE_INVALID_CONSTANT"],
  "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
];

const proofs = PROOFS.flatMap(([syscall, codes]) =>
  codes.split(" ").map((code) => (syscall === undefined ? { code } : { code, syscall })),
);

test("the table proves what is listed here, and nothing else", () => {
  for (const proof of proofs)
    assert.equal(judgeNetwork(proof).verdict, "not-executed", JSON.stringify(proof));
  const table = NETWORK_EVIDENCE.filter(({ verdict }) => verdict === "not-executed");
  const listed = table.flatMap(({ codes, syscall }) => codes.map((code) => `${code} ${syscall}`));
  assert.deepEqual(
    listed.toSorted(),
    proofs
      .map((proof) => `${proof.code} ${"syscall" in proof ? proof.syscall : undefined}`)
      .toSorted(),
  );
});

test("what leaves a doubt is told apart from what nobody knows", () => {
  const unknown = judgeNetwork({ code: "nobody's" });
  for (const code of UNPROVED) {
    const judged = judgeNetwork({ code, syscall: "read" });
    assert.equal(judged.verdict, "unanswered");
    assert.notEqual(judged.because, unknown.because, code);
  }
});

test("every code of the system in the table is one that this system has", () => {
  const known = new Set(Object.keys(constants.errno));
  const codes = proofs.filter((proof) => "syscall" in proof && proof.syscall === "connect");
  for (const { code } of codes) if (code !== "EHOSTDOWN") assert.ok(known.has(code), code);
});

test("every code of undici in the table is one that undici has", () => {
  const known = new Set(
    Object.values(errors).map((Kind) => Reflect.get(Reflect.construct(Kind, ["", 0, {}]), "code")),
  );
  const table = NETWORK_EVIDENCE.flatMap(({ codes }) => codes);
  for (const code of table) if (code.startsWith("UND_ERR_")) assert.ok(known.has(code), code);
});

const REFUSED = { code: "ECONNREFUSED", syscall: "connect" };
const RESET = { code: "ECONNRESET", syscall: "read" };

test("an answer is seen in whatever member a library puts its status", () => {
  for (const name of ["status", "statusCode", "http_code", "httpStatus", "httpStatusCode"]) {
    assert.equal(judgeNetwork({ ...REFUSED, [name]: 502 }).verdict, "unanswered", name);
    // What is no number is no status.
    assert.equal(judgeNetwork({ ...REFUSED, [name]: "502" }).verdict, "not-executed", name);
  }
});

test("an abort by its name proves nothing, whatever its code", () => {
  for (const name of ["AbortError", "TimeoutError"])
    for (const error of [
      { ...REFUSED, name },
      { name, cause: REFUSED },
    ])
      assert.equal(judgeNetwork(error).verdict, "unanswered");
  assert.equal(judgeNetwork({ ...REFUSED, name: "TypeError" }).verdict, "not-executed");
});

test("a code that is no text proves nothing, and no code leaves it to the cause", () => {
  for (const code of [7, true, {}, ["ECONNREFUSED"]])
    assert.equal(judgeNetwork({ code, syscall: "connect", cause: REFUSED }).verdict, "unanswered");
  for (const code of [undefined, null])
    assert.equal(judgeNetwork({ code, cause: REFUSED }).verdict, "not-executed");
  assert.equal(judgeNetwork({ ...REFUSED, cause: null }).verdict, "not-executed");
  assert.equal(judgeNetwork({}).verdict, "unanswered");
});

test("a collection proves something only by all of its members and the code of one of them", () => {
  const of = (members: readonly unknown[], more: object = {}) =>
    judgeNetwork(Object.assign(new AggregateError(members), more)).verdict;
  assert.equal(of([REFUSED, REFUSED]), "not-executed");
  assert.equal(of([REFUSED, RESET]), "unanswered");
  assert.equal(of([RESET, REFUSED]), "unanswered");
  assert.equal(of([REFUSED], { code: "ECONNREFUSED" }), "not-executed");
  assert.equal(of([REFUSED], { code: "EPIPE" }), "unanswered");
  assert.equal(of([REFUSED], { cause: RESET }), "unanswered");
  assert.equal(of([]), "unanswered");
  assert.equal(of([], { code: "ECONNREFUSED" }), "unanswered");
  const many = (count: number) => Array.from({ length: count }, () => REFUSED);
  assert.equal(of(many(23)), "not-executed");
  // One visit is the collection's own.
  assert.equal(of(many(24)), "unanswered");
  assert.equal(of(many(25)), "unanswered");
});

test("a proof is looked for under 23 wrappers, and not deeper", () => {
  const under = (count: number): unknown =>
    Array.from({ length: count }).reduce<unknown>((cause) => ({ cause }), REFUSED);
  assert.equal(judgeNetwork(under(23)).verdict, "not-executed");
  assert.equal(judgeNetwork(under(24)).verdict, "unanswered");
});
