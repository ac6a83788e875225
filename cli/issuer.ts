/** OIDC issuers of a tenant: the platform's own key says who vouches for its people. */
import { type Command, type Invocation, listMax, text, texts, words } from './command.ts';
import { UsageError } from './fail.ts';
import { unknownVerb } from './key.ts';
import { fields, plain, say, table } from './print.ts';

const verbs = ['list', 'add', 'show', 'remove'] as const;
const tenantWord = 'The id of the tenant';

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err } = invocation;
  const [verb = 'list', ...rest] = invocation.words;
  const json = flags.json === true;
  const show = (one: object) => say({ out }, json ? `${JSON.stringify(one)}\n` : fields({ ...one }));
  switch (verb) {
    case 'list': {
      const [tenant] = words(rest, [tenantWord]);
      const { issuers, next } = await invocation.open('admin').tenants.listIssuers(tenant!, { limit: listMax });
      if (json) for (const issuer of issuers) say({ out }, `${JSON.stringify(issuer)}\n`);
      else {
        const rows = issuers.map((one) => [
          one.id,
          one.name,
          one.issuer,
          one.audience.join(' '),
          one.tenant_claim ?? '-',
        ]);
        say({ out }, table(['ISSUER', 'NAME', 'ADDRESS', 'AUDIENCE', 'TENANT BY'], rows));
      }
      if (next) err.write('There are more issuers; the API lists them with ?after=.\n');
      return 0;
    }
    case 'add': {
      const [tenant, address] = words(rest, [tenantWord, 'The address of the issuer']);
      const audience = texts(flags, 'audience');
      if (audience.length === 0) throw new UsageError('Whom are its tokens meant for? Say --audience CLIENT-ID.');
      const claim = text(flags, 'tenant-claim');
      const prefix = text(flags, 'subject-prefix');
      const made = await invocation.open('admin').tenants.createIssuer(tenant!, {
        issuer: address!,
        name: text(flags, 'name') ?? address!.slice(0, 128),
        audience,
        ...(claim === undefined ? {} : { tenant_claim: claim }),
        ...(prefix === undefined ? {} : { subject_prefix: prefix }),
        ...(flags['always-mfa'] === true ? { always_mfa: true } : {}),
      });
      show(made);
      if (!json) err.write('Its tokens are taken within a minute.\n');
      return 0;
    }
    case 'show': {
      const [tenant, issuer] = words(rest, [tenantWord, 'The id of the issuer']);
      show(await invocation.open('admin').tenants.getIssuer(tenant!, issuer!));
      return 0;
    }
    case 'remove': {
      const [tenant, issuer] = words(rest, [tenantWord, 'The id of the issuer']);
      await invocation.open('admin').tenants.removeIssuer(tenant!, issuer!);
      if (!json) say({ out }, `${plain(issuer!)} is removed; its tokens work for at most two more minutes.\n`);
      return 0;
    }
    default:
      throw unknownVerb('issuer', verb, verbs);
  }
}

export const issuerCommand: Command = {
  name: 'issuer',
  summary: "who vouches for a tenant's people (admin)",
  usage: 'list TENANT | add TENANT URL --audience ID | show TENANT ID | remove TENANT ID',
  options: {
    audience: { type: 'string', multiple: true },
    name: { type: 'string' },
    'tenant-claim': { type: 'string' },
    'subject-prefix': { type: 'string' },
    'always-mfa': { type: 'boolean' },
  },
  flags: [
    ['--audience ID', 'whom its tokens are meant for (aud); may be repeated'],
    ['--name TEXT', 'a name for people; else the address'],
    ['--tenant-claim CLAIM', 'of an issuer that tenants share: the claim that names the tenant'],
    ['--subject-prefix WORD:', 'comes before sub in the ids of its people'],
    ['--always-mfa', 'it lets nobody in without a second factor, and its tokens do not say so'],
  ],
  examples: [
    [
      'trailkeep issuer add 0198c0de-0000-7000-8000-000000000000 https://login.example.com --audience trailkeep',
      'one more',
    ],
    ['trailkeep issuer list 0198c0de-0000-7000-8000-000000000000', 'those that are there'],
  ],
  run,
};
