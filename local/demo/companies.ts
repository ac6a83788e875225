/** The two companies of the demo, and what they are made of. All names are invented. */

export interface Company {
  readonly name: string;
  /** First part of its controllers' and applications' keys. */
  readonly slug: string;
  readonly domain: string;
  readonly applications: number;
  readonly controllers: readonly string[];
  readonly sectors: readonly string[];
  readonly currency: string;
  readonly timeZone: string;
  readonly events: number;
}

export const companies: readonly Company[] = [
  {
    name: 'Meridian Bank',
    slug: 'meridian',
    domain: 'meridian.example',
    applications: 60,
    controllers: ['meridian-prod', 'meridian-emea', 'meridian-labs'],
    sectors: ['Retail banking', 'Payments', 'Markets', 'Risk', 'Corporate services'],
    currency: 'EUR',
    timeZone: 'Europe/Berlin',
    events: 12_000,
  },
  {
    name: 'Halden Health',
    slug: 'halden',
    domain: 'halden.example',
    applications: 20,
    controllers: ['halden-main'],
    sectors: ['Clinics', 'Laboratories', 'Research'],
    currency: 'USD',
    timeZone: 'America/New_York',
    events: 4_000,
  },
];

/** Of a company's applications, how many have an H-code, and how many the CMDB knows. */
export const hCodeCoverage = 0.85;
export const cmdbMatchRate = 0.7;

export const architectures = ['Microservices', 'Three-tier', 'Serverless', 'Mainframe', 'Batch'] as const;

const first = ['Ada', 'Bela', 'Chidi', 'Dana', 'Emre', 'Freya', 'Goran', 'Hana', 'Ivo', 'Juno', 'Kofi', 'Lena'];
const last = ['Okafor', 'Lindqvist', 'Marino', 'Novak', 'Petrov', 'Silva', 'Tanaka', 'Weber', 'Yilmaz', 'Zhang'];

/** The n-th person: a name, and an id as directories have them. */
export function person(
  company: Company,
  n: number,
): { readonly id: string; readonly name: string; readonly email: string } {
  const given = first[n % first.length]!;
  const family = last[Math.floor(n / first.length + n) % last.length]!;
  const id = `${given}.${family}${n >= first.length * last.length ? n : ''}`.toLowerCase();
  return { id, name: `${given} ${family}`, email: `${id}@${company.domain}` };
}

const things = [
  'Ledger',
  'Gateway',
  'Portal',
  'Onboarding',
  'Statements',
  'Scoring',
  'Notifications',
  'Search',
  'Identity',
  'Reporting',
  'Scheduler',
  'Documents',
  'Pricing',
  'Settlement',
  'Archive',
  'Messaging',
  'Catalogue',
  'Analytics',
  'Billing',
  'Booking',
] as const;
const kinds = ['Core', 'Mobile', 'Partner'] as const;

/** The n-th application's name, each once up to sixty. */
export const applicationName = (n: number): string =>
  `${kinds[Math.floor(n / things.length) % kinds.length]} ${things[n % things.length]}`;
