// Money is whole fen in a BigInt. Texts are yuan with exactly two decimals, as the API writes them.

const yuan = /^-?\d{1,9}\.\d{2}$/;
const price = /^\d{1,10}(\.\d{1,6})?$/;
const quantity = /^\d{1,8}(\.\d{1,4})?$/;

// fen reads "12.50"; anything else is null.
export function fen(text) {
  return yuan.test(text) ? BigInt(text.replace(".", "")) : null;
}

// text writes fen as "12.50".
export function text(amount) {
  const sign = amount < 0n ? "-" : "";
  const digits = (amount < 0n ? -amount : amount).toString().padStart(3, "0");
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

// show writes fen, or the API's text of them, for people: ¥ 1,234.50.
export function show(amount) {
  const plain = typeof amount === "bigint" ? text(amount) : String(amount ?? "0.00");
  const [whole, part] = plain.split(".");
  return `¥ ${whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",")}.${part}`;
}

// parsePrice reads what a cashier types ("12", "12.5") and gives it as the API wants it, or null.
export function parsePrice(typed) {
  if (!price.test(typed)) return null;
  if (!typed.includes(".")) return `${typed}.00`;
  return /\.\d$/.test(typed) ? `${typed}0` : typed;
}

// parseQuantity gives a quantity above 0 without needless zeros, or null.
export function parseQuantity(typed) {
  if (!quantity.test(typed) || scaled(typed, 4) === 0n) return null;
  return typed.includes(".") ? typed.replace(/0+$/, "").replace(/\.$/, "") : typed;
}

function scaled(typed, decimals) {
  const [whole, part = ""] = typed.split(".");
  return BigInt(whole + part.padEnd(decimals, "0"));
}

// lineTotal is quantity × price rounded half up to fen.
export function lineTotal(quantityText, priceText) {
  const product = scaled(quantityText, 4) * scaled(priceText, 6); // 10 decimals
  return (product + 50_000_000n) / 100_000_000n;
}

// less reports whether one quantity is below another.
export const less = (a, b) => scaled(a, 4) < scaled(b, 4);
// minus and plus are the difference and the sum of two quantities.
export const minus = (a, b) => quantityText(scaled(a, 4) - scaled(b, 4));
export const plus = (a, b) => quantityText(scaled(a, 4) + scaled(b, 4));

function quantityText(tenThousandths) {
  const digits = tenThousandths.toString().padStart(5, "0");
  return `${digits.slice(0, -4)}.${digits.slice(-4)}`.replace(/\.?0+$/, "");
}
