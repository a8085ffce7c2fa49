// The daemon's HTTP API, as any till uses it.

// Problem is an answer of the API that refuses.
export class Problem extends Error {
  constructor(status, document) {
    super(document.code || `HTTP ${status}`);
    this.status = status;
    this.document = document;
    this.code = document.code || `HTTP_${status}`;
    this.reason = document.reason || "";
  }
}

// Lost is no answer at all: whatever was asked may or may not have been done.
export class Lost extends Error {}

let token = "";
let rejected = () => {};

// Who the page is. onRejected is called when the daemon does not know the token.
export function setToken(value) { token = value; }
export function onRejected(f) { rejected = f; }
export function reject() { rejected(); }

export const authorization = () => ({ Authorization: `Bearer ${token}` });

// answerTime is longer than a sale may wait for the centre.
const answerTime = 75_000;

async function call(method, path, body, signal) {
  const control = new AbortController(); // by hand: tills on old Windows have browsers without AbortSignal.any
  const limit = setTimeout(() => control.abort(), answerTime);
  const stop = () => control.abort();
  signal?.addEventListener("abort", stop);
  const options = {
    method, cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer",
    headers: { ...authorization(), Accept: "application/json" },
    signal: control.signal,
  };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response, document;
  try {
    response = await fetch(path, options);
    document = await response.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Lost(String(error));
  } finally {
    clearTimeout(limit);
    signal?.removeEventListener("abort", stop);
  }
  if (response.status === 401) reject();
  if (!response.ok && path !== ready) throw new Problem(response.status, document);
  return document;
}

const ready = "/readyz?verbose";
const part = encodeURIComponent;

export const readers = () => call("GET", "/v1/reader");
export const readiness = () => call("GET", ready);
export const quote = (sale, signal) => call("POST", "/v1/quotes", sale, signal);
export const settle = (sale) => call("POST", "/v1/settlements", sale);
export const settlement = (id) => call("GET", `/v1/settlements/${part(id)}`);
export const sale = (id) => call("GET", `/v1/sales/${part(id)}`);
export const refund = (id, request) => call("POST", `/v1/settlements/${part(id)}/refunds`, request);
export const demo = (action, request = {}) => call("POST", `/console/demo/${action}`, request);
