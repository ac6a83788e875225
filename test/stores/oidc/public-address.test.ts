import { expect, test } from 'vitest';
import { lookupPublic } from '#stores/oidc/fetch-json.ts';
import { isPublicAddress } from '#stores/oidc/public-address.ts';

const special = `0.0.0.0 10.1.2.3 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.255 169.254.169.254 172.16.0.1
  172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1
  224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
  :: ::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::127.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1 2001:db8::1
  2002:7f00:1:: 2620:4f:8000::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 4000::1`;
const open = '8.8.8.8 1.1.1.1 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 2606:4700::1111 2a00:1450:4001::1';

test('special-purpose addresses are not public, others are', () => {
  expect(special.split(/\s+/).filter(isPublicAddress)).toEqual([]);
  expect(open.split(' ').filter((one) => !isPublicAddress(one))).toEqual([]);
  expect(['', 'x', '2130706433', '0x7f.1', '127.1', '08.8.8.8'].filter(isPublicAddress)).toEqual([]);
});

test('a name that leads to this machine is not looked up for anybody', async () => {
  for (const all of [true, false]) {
    const error = await new Promise((resolve) => lookupPublic('localhost', { all }, (failed) => resolve(failed)));
    expect(String(error)).toMatch(/not public/);
  }
});
