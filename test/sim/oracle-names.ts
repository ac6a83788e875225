/** What must never happen, by the names that violations begin with. */
export const oracles = [
  { name: 'lost', title: 'every event that somebody has a receipt for has a leaf' },
  { name: 'duplicated', title: 'no event has two leaves' },
  { name: 'invented', title: 'no leaf stands for an event that nobody sent' },
  { name: 'tenant', title: 'no leaf is in another tenant’s log' },
  { name: 'time', title: 'times of leaves never decrease along a log' },
  { name: 'fork', title: 'every checkpoint that was ever archived or published is a prefix of the log as it is now' },
  {
    name: 'contradiction',
    title: 'the same holds for every checkpoint whose signature left the worker that asked for it',
  },
  { name: 'backwards', title: 'nobody ever sees a smaller checkpoint after a larger one' },
  { name: 'archive', title: 'nothing is published that is not archived' },
  {
    name: 'fsck',
    title:
      'every published checkpoint verifies from S3 alone from its first moment: entries give tiles, tiles the root',
  },
  { name: 'signature', title: 'nothing is archived or published that the log’s key did not sign' },
  { name: 'signed', title: 'nothing is signed but checkpoints that were claimed' },
  { name: 'frozen', title: 'a frozen log signs nothing but what was on its way' },
  { name: 'freeze', title: 'no log is frozen when nobody restored the database' },
  { name: 'parts', title: 'the parts in Postgres number the leaves without gaps, and their segments are there' },
  { name: 'commitment', title: 'stored rows and stored lines are what their leaves commit to' },
  { name: 'buried', title: 'no good message ends in the dead letters' },
  { name: 'error', title: 'no worker ends with an error that no place made' },
  { name: 'stuck', title: 'when the faults end, all that was accepted is published within six simulated hours' },
] as const;
export type Oracle = (typeof oracles)[number]['name'];
