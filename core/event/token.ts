/**
 * Tokens: what stands in a stored event where a personal value was, so that it can still be searched for.
 *
 * 16 characters (96 bits) for people and their e-mail addresses, so no two of a tenant meet; 4 for IP addresses, so that
 * many share one and none proves an address. A tenant's own ids may begin with `~` as well: they are no tokens.
 */
const tokenShape = /^~[A-Za-z0-9_-]{4}(?:[A-Za-z0-9_-]{12})?$/;

/** Whether a text has the form of a token. */
export const isToken = (text: string): boolean => tokenShape.test(text);
