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

// call asks and reads the answer's JSON; read takes another form of answer in its place. Refusals are JSON in any case.
async function call(method, path, body, signal, read = (response) => response.json(), time = answerTime) {
  const control = new AbortController(); // by hand: tills on old Windows have browsers without AbortSignal.any
  const limit = setTimeout(() => control.abort(), time);
  const stop = () => control.abort();
  signal?.addEventListener("abort", stop);
  const options = {
    method, cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer",
    headers: { ...authorization(), Accept: "application/json, */*;q=0.5" },
    signal: control.signal,
  };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response, document;
  try {
    response = await fetch(path, options);
    document = await (response.ok ? read(response) : response.json());
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
export const accounts = (terminal) => call("GET", `/v1/people/me/accounts?terminal=${part(terminal)}`);
export const bindings = (terminal) => call("GET", `/v1/people/me/bindings?terminal=${part(terminal)}`);
export const bind = (request) => call("POST", "/v1/bindings", request);
export const changeBinding = (id, request) => call("PATCH", `/v1/bindings/${part(id)}`, request);
export const endBinding = (id, request) => call("DELETE", `/v1/bindings/${part(id)}`, request);
export const statement = (terminal, from) => call("GET", `/v1/people/me/statement?${query({ terminal, from })}`);
export const statementFile = (terminal, from, format, progress) => call("GET", `/v1/people/me/statement?${query({ terminal, from, format })}`, undefined, undefined, (response) => fileOf(response, progress), fileTime);
export const payPremium = (request) => call("POST", "/v1/premiums", request);
export const premium = (id) => call("GET", `/v1/premiums/${part(id)}`);
export const cancelPremium = (id, request) => call("POST", `/v1/premiums/${part(id)}/cancellation`, request);
export const attention = () => call("GET", "/v1/attention");
export const closeAttention = (id, request) => call("POST", `/v1/attention/${part(id)}`, request);
export const importFile = (request) => call("POST", "/v1/bindings/import", request);
export const explanation = (id) => call("GET", `/v1/settlements/${part(id)}/explanation`);
export const receipt = (id) => call("GET", `/v1/settlements/${part(id)}/receipt`);
// slips are the slips there are, by what they are of.
const slips = {
  sale: (id) => `/v1/settlements/${id}/receipt`, refund: (id) => `/v1/refunds/${id}/receipt`, reversal: (id) => `/v1/reversals/${id}/receipt`,
  premium: (id) => `/v1/premiums/${id}/receipt`, cancellation: (id) => `/v1/premiums/${id}/cancellation/receipt`,
};
// slip is a slip's text, which comes in the encoding of slip printers.
export const slip = (of, id, columns, large) => call("GET", `${slips[of](part(id))}?format=text&columns=${columns}${large ? "&large=true" : ""}`, undefined, undefined,
  async (response) => new TextDecoder("gb18030").decode(await response.arrayBuffer()));
export const reverse = (id, request) => call("POST", `/v1/settlements/${part(id)}/reversal`, request);
export const upstream = () => call("GET", "/v1/upstream");
export const returnAllowances = () => call("POST", "/v1/allowances/return", {});
export const audit = (from) => call("GET", `/v1/audit?${query({ from })}`);
export const history = (terminal) => call("GET", `/v1/people/me/history?${query({ terminal })}`);
export const repeats = (from, to) => call("GET", `/v1/reports/repeats?${query({ from, to })}`);
export const guidance = () => call("GET", "/v1/guidance");

const query = (filters) => new URLSearchParams(filters).toString();

export const records = (filters) => call("GET", `/v1/records?${query(filters)}`);
export const report = (filters) => call("GET", `/v1/reports?${query(filters)}`);
export const reconciliations = (from, to) => call("GET", `/v1/reconciliations?${query({ from, to })}`);
export const reconcileDay = (day) => call("POST", "/v1/reconciliations", { day });
export const closeMonth = (request) => call("POST", "/v1/reconciliations/close", request);

// fileTime is how long a file may take, in milliseconds.
const fileTime = 1_800_000;

// exported is an export as { name, blob }; progress hears how many bytes have come. bundle is a month's zip.
export const exported = (filters, progress) => call("GET", `/v1/exports?${query(filters)}`, undefined, undefined, (response) => fileOf(response, progress), fileTime);
export const bundle = (month) => call("GET", `/v1/reconciliations/${part(month)}/bundle`, undefined, undefined, (response) => fileOf(response, () => {}), fileTime);

async function fileOf(response, progress) {
  const name = /filename="?([^";]+)"?/.exec(response.headers.get("Content-Disposition") || "")?.[1] || "gongji";
  const pieces = [], reader = response.body.getReader();
  for (let bytes = 0; ;) {
    const { value, done } = await reader.read();
    if (done) return { name, blob: new Blob(pieces, { type: response.headers.get("Content-Type") || "" }) };
    pieces.push(value);
    progress((bytes += value.length));
  }
}

// routes are what the daemon can do, as "GET /v1/reader"; "preview POST /v1/bindings" where it can say beforehand what it
// would do.
export async function routes() {
  const { paths, components } = await call("GET", "/openapi.json");
  const found = new Set();
  for (const [path, item] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const route = `${method.toUpperCase()} ${path}`;
      const schema = operation.requestBody?.content["application/json"]?.schema.$ref?.split("/").pop();
      found.add(route);
      if (components.schemas[schema]?.properties?.preview) found.add(`preview ${route}`);
    }
  }
  return found;
}

// waiting is how many items are on the work list, or null where the token is not a manager's: it opens to no other.
export async function waiting() {
  try {
    return (await attention()).items.length;
  } catch (error) {
    if (error instanceof Problem && error.status === 403) return null;
    throw error;
  }
}

export const demo = (action, request = {}) => call("POST", `/console/demo/${action}`, request);
