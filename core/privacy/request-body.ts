/** The bodies that requests of data subjects and legal holds come in. */
import * as z from 'zod';
import { identityMethods, requestTypes } from './request.ts';

const subject = z.string().min(1).max(1024);
const reason = z.string().trim().min(1).max(1024);
/** Ids of events, as the API gives them. */
const eventId = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);

export const openRequestBody = z
  .strictObject({
    type: z.enum(requestTypes),
    subject: subject.describe('The id of the person, as events carry it'),
    contact: z.string().min(1).max(1024).optional().describe('Where the person wants the answer; sealed'),
    retain_audit_trail: z.boolean().optional().describe('Erasure only: move the keys to the vault instead'),
    legal_basis: z.string().max(64).optional(),
    legal_reference: z.string().max(256).optional(),
    retain_until: z.string().max(64).optional(),
    lift: z.boolean().optional().describe('Restriction only: lift it'),
    statement: z.string().min(1).max(4096).optional().describe('Rectification only: what is wrong and what is right'),
    events: z.array(eventId).max(100).optional().describe('Rectification only: the events it is about'),
  })
  .superRefine((body, context) => {
    const only = (name: keyof typeof body, type: string) => {
      if (body[name] !== undefined && body.type !== type) {
        context.addIssue({ code: 'custom', path: [name], message: `goes with type ${type} only` });
      }
    };
    for (const name of ['retain_audit_trail', 'legal_basis', 'legal_reference', 'retain_until'] as const) {
      only(name, 'erasure');
    }
    only('lift', 'restriction');
    only('statement', 'rectification');
    only('events', 'rectification');
    if (body.type === 'rectification' && body.statement === undefined) {
      context.addIssue({ code: 'custom', path: ['statement'], message: 'A rectification needs a statement' });
    }
  });

export const verifyBody = z.strictObject({ method: z.enum(identityMethods) });
export const reasonBody = z.strictObject({ reason });

export const placeHoldBody = z.strictObject({
  matter: z.string().trim().min(1).max(256).describe('The case that it is for'),
  custodian: z.string().trim().min(1).max(256).describe('Who answers for it'),
  scope: z.union([
    z.strictObject({ all: z.literal(true) }),
    z.strictObject({ subjects: z.array(subject).min(1).max(1000) }),
    z.strictObject({ filter: z.record(z.string(), z.unknown()) }),
  ]),
});
