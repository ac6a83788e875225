/** Which kind of network an address belongs to. */
import type { NetworkClass } from './principal.ts';

/** RFC 1918, RFC 6598, loopback and link-local; IPv6 unique local (RFC 4193), loopback and link-local. */
const privateShapes = [
  /^(?:::ffff:)?10\./,
  /^(?:::ffff:)?192\.168\./,
  /^(?:::ffff:)?172\.(?:1[6-9]|2\d|3[01])\./,
  /^(?:::ffff:)?100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./,
  /^(?:::ffff:)?127\./,
  /^(?:::ffff:)?169\.254\./,
  /^::1$/,
  /^f[cd][0-9a-f]{2}:/,
  /^fe[89ab][0-9a-f]:/,
];

/** The class of an IP address; what is no private address is public. */
export const networkClassOf = (ip: string): NetworkClass => {
  const address = ip.toLowerCase();
  return privateShapes.some((shape) => shape.test(address)) ? 'private' : 'public';
};
