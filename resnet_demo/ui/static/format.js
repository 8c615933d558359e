// Numbers as people read them; a dash for what is not known. Percentages are 0..100 everywhere.

const NONE = "–";
const unknown = (value) => value === null || value === undefined;

// To three digits; larger numbers whole, "1,140".
export function number(value, digits = 3) {
  if (Math.abs(value) >= 10 ** digits - 0.5) return count(Math.round(value));
  return unknown(value) ? NONE : Number(value).toPrecision(digits);
}

export function scientific(value) {
  const far = Math.abs(value) >= 1000 || (value && Math.abs(value) < 0.001);
  return !unknown(value) && far ? value.toExponential(2) : number(value);
}

export const percent = (value, digits = 1) => (unknown(value) ? NONE : `${value.toFixed(digits)} %`);
export const points = (value) => (unknown(value) ? NONE : value.toFixed(2));
export const between = (bounds) => (bounds ? `${bounds[0].toFixed(2)} to ${bounds[1].toFixed(2)}` : NONE);
export const count = (value) => (unknown(value) ? NONE : value.toLocaleString("en"));
export const pictures = (n) => `${count(n)} ${n === 1 ? "picture" : "pictures"}`;

// "88.1 % ± 1.0, n = 3,925"; ci95: [low, high].
export function accuracy(value, ci95, n) {
  const half = ci95 ? ` ± ${((ci95[1] - ci95[0]) / 2).toFixed(1)}` : "";
  return unknown(value) ? NONE : percent(value) + half + (n ? `, n = ${count(n)}` : "");
}

// "3:07"
export function minutes(seconds) {
  if (unknown(seconds)) return NONE;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export function spoken(seconds) {
  if (seconds >= 7200) return `${(seconds / 3600).toFixed(1)} hours`;
  if (seconds >= 120) return `${Math.round(seconds / 60)} minutes`;
  return seconds === 1 ? "1 second" : `${seconds} seconds`;
}

export const last = (values) => values[values.length - 1];

// Exponential moving average; `start` is that of the values before.
export function smooth(values, weight, start) {
  let mean = start;
  return values.map((value) => (mean = mean === undefined ? value : weight * mean + (1 - weight) * value));
}

// 95 % interval of a share of n, in percent (Wilson 1927).
export function wilson(share, n) {
  const z = 1.96, whole = 1 + (z * z) / n;
  const centre = share + (z * z) / (2 * n);
  const spread = z * Math.sqrt((share * (1 - share)) / n + (z / (2 * n)) ** 2);
  return [(100 * (centre - spread)) / whole, (100 * (centre + spread)) / whole];
}
