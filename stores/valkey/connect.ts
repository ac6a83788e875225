/** How we reach Valkey: one node over plain TCP, or ElastiCache Serverless, which is a cluster over TLS. */
import { Cluster, Redis } from 'iovalkey';

export type ValkeyClient = Redis | Cluster;

export interface ValkeyAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly cluster: boolean;
}

/**
 * Reads `valkeys://host:port` (a cluster over TLS, as ElastiCache Serverless is) or `valkey://host:port` (one node,
 * on loopback).
 */
export function parseEndpoint(endpoint: string): ValkeyAddress {
  const url = new URL(endpoint);
  if (url.protocol !== 'valkey:' && url.protocol !== 'valkeys:') throw new Error(`not a Valkey endpoint: ${endpoint}`);
  const cloud = url.protocol === 'valkeys:';
  return { host: url.hostname, port: Number(url.port || 6379), tls: cloud, cluster: cloud };
}

/**
 * A lazy client: nothing connects before the first command. Only primaries are asked, never replicas.
 *
 * A connection that slept through a freeze is often dead and nobody says so: one second without an answer ends it.
 */
export function connectValkey({ host, port, tls, cluster }: ValkeyAddress): ValkeyClient {
  const options = {
    lazyConnect: true,
    connectTimeout: 1_000,
    socketTimeout: 1_000,
    maxRetriesPerRequest: 1,
    // Nobody waits for them any more.
    autoResendUnfulfilledCommands: false,
    retryStrategy: (times: number) => Math.min(50 * times, 1_000),
    ...(tls ? { tls: { servername: host } } : {}),
  };
  const client = cluster
    ? new Cluster([{ host, port }], {
        lazyConnect: true,
        // The certificate is for the name, not for the address behind it.
        dnsLookup: (address, callback) => callback(null, address),
        redisOptions: options,
        slotsRefreshTimeout: 1_000,
        clusterRetryStrategy: options.retryStrategy,
      })
    : new Redis({ ...options, host, port });
  // Each command says by itself what went wrong; without a listener the client would print it too.
  client.on('error', () => {});
  return client;
}
