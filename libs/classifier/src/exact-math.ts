/**
 * Logarithm and exponential from additions, multiplications and divisions alone. ECMAScript leaves the last
 * digit of `Math.log` and `Math.exp` to the engine; a router trained twice has to come out the same byte for byte.
 */

/** Natural logarithm of a positive finite number, to about 1e-15 (argument reduction, then the artanh series). */
export function exactLog(value: number): number {
  let mantissa = value;
  let exponent = 0;
  while (mantissa > Math.SQRT2) {
    mantissa /= 2;
    exponent++;
  }
  while (mantissa < Math.SQRT1_2) {
    mantissa *= 2;
    exponent--;
  }
  const ratio = (mantissa - 1) / (mantissa + 1);
  const square = ratio * ratio;
  let sum = 0;
  for (let power = 23; power >= 1; power -= 2) sum = sum * square + 1 / power;
  return exponent * Math.LN2 + 2 * ratio * sum;
}

/** The exponential, to about 1e-14 relative (range reduction by powers of two, then the Taylor series). */
export function exactExp(value: number): number {
  if (value < -700) return 0;
  const exponent = Math.round(value / Math.LN2);
  const rest = value - exponent * Math.LN2;
  let sum = 1;
  for (let term = 14; term >= 1; term--) sum = 1 + (sum * rest) / term;
  let scale = 1;
  const factor = exponent < 0 ? 0.5 : 2;
  for (let step = Math.abs(exponent); step > 0; step--) scale *= factor;
  return sum * scale;
}

/** `base` > 0 to the power of `exponent`, to about 1e-13 relative. */
export function exactPower(base: number, exponent: number): number {
  return exactExp(exponent * exactLog(base));
}
