/**
 * The key that the sandbox signs PayPal's webhooks with. Everybody has it, so that it proves
 * nothing: a receiver that trusts it trusts whoever can reach it. It is not PayPal's.
 */
export const SANDBOX_KEY: string = pem("PRIVATE KEY", [
  "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDdtdU5hQEiP51kpafrDHumNJ9F21x+K/muaQtC",
  "daRIjpffqzouXwGrTgGyOdOUpM1vhbGJmaDs790aeNewgzWRfvJQnaSOg61dDaOOEiRnZrl2OvOQXBunTg1Yxcdz",
  "Ijxe7/bwGdHUX00A+42MoZb4tEDoNGAG4XaKAN6bvrxZVRLAOUyUD9CGt6HVDSPVqYjp6u+DPPjivAaGxPUOUpER",
  "uByWDEBTBMO4dx52S3WRGpDED13Z0LQWwdvxVNV8kQL8BsOtby5h2VFAxYmL9L+xXZzkOYPn2B46y+7c1+4v2iBH",
  "oEy9kydEScK/MUDW9BT0QfNKtqHic1PXnqLW8epHAgMBAAECggEAC7xyMY3HWMCaUczCaJsBY/PEJ0asjOdCBnKm",
  "txloHV54TqLkkmDSw0vT+NMTzqSx/+sep0SGdBRhwA173sBLUneFrIZzwrGDY09zWXQUu5PV/HAJcEUCl7wg0RKt",
  "yKacIIBpB3OucPoB0av/OwhbaAXkAQazZe8tvwdlwUPQT5WBMHxKHTrNKd1SCMhIFeUbzJklMnsycZVl/4+qcEYi",
  "93v2vQ0rvti1U/zWNfZuIyL3rur/Y+iEwLve3S+XAs7YEGkzbKSx+D9Rxqj1c1LjspUKEoOPT0FTMq40lKgHx1wd",
  "LtXF2sRMXcBmiWTrkatt1FMJprhnOXsBpd8+JST1TQKBgQD7JIOZzVhh4tXWP9VLOo1I8BTMd7dRizITLff63yxp",
  "tXSHe81kkgE5iOjrX2F8xbujtSPDAVgHuvNIrmTRP1MyU5mbb5Mg4gukFN3TmQ1C9mX0POsocD8YDIc4xPRGqkoU",
  "+0agIh1DhaV3BfT1oJcEZHg9lQUFanMLIL/rVfo1/QKBgQDh/5cN+564LMTjX58EtXCqwFf0KjQB4KIZc5zA7OCf",
  "f6pGAfZJJpS26heDeiSLNPxA6GY9AA5DpwR2IjnhjUGJ674ug2NnvWx9SzA0QvHKxLo9R+gbCPW8cupO17SwoYab",
  "l3/V9xzDNeuxnCCcouBONZLVkbpfPdKrp7BiyReykwKBgQDaIRrUiVBMpNKKJiNCFfcE9NF7zjdA8h9qHTEXiqNu",
  "pRYzXspEobPCnzF+zfdEghG53OjUxOQKwsvvwtj6DYBbY9U09jHaC7uEpkMNOBAWqyBehFLTarrCTo9cNWTdw6ZY",
  "lu7+wuKb9QaEXH4ooXTJceIlyrrzu0N01Nscsi6CmQKBgFlvOwjmjV4XIWdVfOlxIAAClAvk86XWjm+CCAN0+kNE",
  "U07XEe7K3MkyBFIccP/B3R2WmncDYaG2I5bYXo16x/fbmexwRFNWa+t9aLsVzvfOOGFt5lVki1KjK0Q+KpxHn6xN",
  "HOLAotpBqV8lCObTse5hVxU7UUTFg2w4tR2ytLUPAoGAVMFR3YdOFwA0YXGhfrGu2nQb8srBv21FfbHu4dCThc6D",
  "NLONO0GyW+Cz9bJlQ88NljS2kyNrt2oXpf/EVs8BA5yzJtjaY7GZ+StgxHhFYNl2Kyv5CJaNn/wIlR08S1IS0t1P",
  "5zdyoig8kwtNduXLksOgYFTSB0s+TKL3ZhtUd0Y=",
]);

/** The certificate of that key, signed by itself, valid from 2020 to the end of 2099. */
export const SANDBOX_CERTIFICATE: string = pem("CERTIFICATE", [
  "MIIDAjCCAeoCAQEwDQYJKoZIhvcNAQELBQAwRjEjMCEGA1UECgwaU2FuZGJveCwgdHJ1c3RlZCBieSBub2JvZHkx",
  "HzAdBgNVBAMMFnBheXBhbC5zYW5kYm94LmludmFsaWQwIBcNMjAwMTAxMDAwMDAwWhgPMjA5OTEyMzEyMzU5NTla",
  "MEYxIzAhBgNVBAoMGlNhbmRib3gsIHRydXN0ZWQgYnkgbm9ib2R5MR8wHQYDVQQDDBZwYXlwYWwuc2FuZGJveC5p",
  "bnZhbGlkMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA3bXVOYUBIj+dZKWn6wx7pjSfRdtcfiv5rmkL",
  "QnWkSI6X36s6Ll8Bq04BsjnTlKTNb4WxiZmg7O/dGnjXsIM1kX7yUJ2kjoOtXQ2jjhIkZ2a5djrzkFwbp04NWMXH",
  "cyI8Xu/28BnR1F9NAPuNjKGW+LRA6DRgBuF2igDem768WVUSwDlMlA/Qhreh1Q0j1amI6ervgzz44rwGhsT1DlKR",
  "EbgclgxAUwTDuHcedkt1kRqQxA9d2dC0FsHb8VTVfJEC/AbDrW8uYdlRQMWJi/S/sV2c5DmD59geOsvu3NfuL9og",
  "R6BMvZMnREnCvzFA1vQU9EHzSrah4nNT156i1vHqRwIDAQABMA0GCSqGSIb3DQEBCwUAA4IBAQAxSrlFB42+1y7X",
  "CMyUOPApihak8BusUDB4MW9PSShYckCZoC1QKKj/4L1pFKTfLp6UmFf43gIZ0pe3z/NtxM5f+QlPsROlXEhAz4SO",
  "mfGx1+Eyzd5zan2l6UdxK65VL8r9xzqxKqXW8rVJ+JEc/GyM8LWwNz2kJaOwj0JFcF0wsBqkE41jNAE8PGI0vUIF",
  "WzLwwgglf2Uy3KSzQ0DNb280M2kehlcSqGwEQGtYGI1dNjuEhHgPkr0SqZ13PZ/clbH8x+nsW68UMUOqH2jA8TRG",
  "CT+IknO+2wEV0zjFQ+SMt77dpjoZOMI0HQWklk/+otuXjKtIyFd1oRoSKsqMOKRE",
]);

/** Text as PEM has it. @param lines base64, of any width */
function pem(label: string, lines: readonly string[]): string {
  const body = lines.join("").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...body, `-----END ${label}-----`, ""].join("\n");
}
