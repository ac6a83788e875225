/**
 * Who may do what, in Cedar: the last word on every decision behind Postgres.
 *
 * RBAC: a principal is asked about with one grant at a time, as a member of the permissions which that grant names;
 * which grants it holds is data of its tenant. ABAC: the conditions of the grant, and the circumstances. Below stand
 * the invariants: forbids that no role can lift, because in Cedar a forbid beats every permit.
 */
import { ownPermissions } from './guard.ts';

/** Policies and the requests of decide.ts are checked against it by tests; decisions are made without it. */
export const schema = `
namespace Trailkeep {
  entity Permission;

  // A key, a person or a service account. "user" is what requests, assignments and break-glass name.
  entity Key, Person, Service in [Permission] = { tenant: String, user: String };

  // A tenant's trail as a whole: what most permissions are about.
  entity Trail = { tenant: String };
  // Something about somebody: an assignment to "user"; a request, a break-glass or a proposed override of "user".
  entity Assignment, Request, BreakGlass, Override = { tenant: String, user: String };
  // The events of one category and data class, and one field group of them.
  entity Events = { tenant: String, category: String, data_class: String };
  entity Fields = { tenant: String, category: String, data_class: String, group: String };

  // What a grant asks for beyond its permission. Absent means: nothing.
  type Conditions = {
    categories?: Set<String>,
    data_classes?: Set<String>,
    purposes?: Set<String>,
    networks?: Set<String>,
    mfa_within_seconds?: Long,
    hours_from?: Long,
    hours_to?: Long,
    ticket?: Bool,
  };
  type Circumstances = {
    grant: Conditions,
    // "private" (RFC 1918, RFC 4193, loopback) or "public".
    network: String,
    // UTC, 0 to 23.
    hour: Long,
    purpose?: String,
    ticket?: String,
    mfa_age_seconds?: Long,
    break_glass: Bool,
  };

  action ${ownPermissions.map((name) => `"${name}"`).join(', ')}
    appliesTo { principal: [Key, Person, Service], resource: [Trail, Assignment, Request, BreakGlass, Override], context: Circumstances };
  // Whether events of a kind are there at all for the principal.
  action "see" appliesTo { principal: [Key, Person, Service], resource: [Events], context: Circumstances };
  // Whether a field group is decrypted: in the usual view, or lifted by fields:unmask or a break-glass.
  action "show", "unmask" appliesTo { principal: [Key, Person, Service], resource: [Fields], context: Circumstances };
}
`;

/** A permission is held, and that is enough: one policy for each. */
const held = Object.fromEntries(
  ownPermissions.map((name) => [
    `permission ${name}`,
    `permit (principal in Trailkeep::Permission::"${name}", action == Trailkeep::Action::"${name}", resource);`,
  ]),
);

/** Minimum necessary (45 CFR 164.502(b)): the usual view of whoever reads events, and what lifts it. */
const views = {
  'see events':
    'permit (principal in Trailkeep::Permission::"events:read", action == Trailkeep::Action::"see", resource);',

  // What happened is never personal: action, category, outcome, times, service, types of targets.
  'show what happened': `
    permit (principal in Trailkeep::Permission::"events:read", action == Trailkeep::Action::"show", resource)
    when { resource.group == "what" };`,

  'show what is in no data class': `
    permit (principal in Trailkeep::Permission::"events:read", action == Trailkeep::Action::"show", resource)
    when { resource.data_class == "none" };`,

  // The right to unmask sleeps until the reader says what for.
  'unmask for a purpose': `
    permit (principal in Trailkeep::Permission::"fields:unmask", action == Trailkeep::Action::"unmask", resource)
    when { context has purpose };`,

  // In an emergency, whoever reads events reads them whole; each page is recorded under the break-glass.
  'unmask in a break-glass': `
    permit (principal in Trailkeep::Permission::"events:read", action == Trailkeep::Action::"unmask", resource)
    when { context.break_glass };`,
};

/** What the grant itself asks for: roles are data, and so are their conditions. */
const conditions = {
  'the grant is for other purposes': `
    forbid (principal, action, resource)
    when { context.grant has purposes }
    unless { context has purpose && context.grant.purposes.contains(context.purpose) };`,

  'the grant is for other networks': `
    forbid (principal, action, resource)
    when { context.grant has networks && !context.grant.networks.contains(context.network) };`,

  'the second factor is too old': `
    forbid (principal, action, resource)
    when { context.grant has mfa_within_seconds }
    unless { context has mfa_age_seconds && context.mfa_age_seconds <= context.grant.mfa_within_seconds };`,

  // From 22 to 6 means over midnight.
  'it is not the hour': `
    forbid (principal, action, resource)
    when { context.grant has hours_from && context.grant has hours_to }
    unless {
      if context.grant.hours_from <= context.grant.hours_to
      then context.grant.hours_from <= context.hour && context.hour < context.grant.hours_to
      else context.grant.hours_from <= context.hour || context.hour < context.grant.hours_to
    };`,

  'there is no ticket': `
    forbid (principal, action, resource)
    when { context.grant has ticket && context.grant.ticket }
    unless { context has ticket };`,

  'the grant is for other categories': `
    forbid (principal, action in [Trailkeep::Action::"see", Trailkeep::Action::"show", Trailkeep::Action::"unmask"], resource)
    when { context.grant has categories && !context.grant.categories.contains(resource.category) };`,

  'the grant is for other data classes': `
    forbid (principal, action in [Trailkeep::Action::"see", Trailkeep::Action::"show", Trailkeep::Action::"unmask"], resource)
    when { context.grant has data_classes && !context.grant.data_classes.contains(resource.data_class) };`,
};

/** What no role can lift. */
const invariants = {
  'nobody assigns a role to themselves': `
    forbid (principal, action == Trailkeep::Action::"access:manage", resource is Trailkeep::Assignment)
    when { resource.user == principal.user };`,

  'nobody approves their own request': `
    forbid (principal, action == Trailkeep::Action::"privacy:approve", resource is Trailkeep::Request)
    when { resource.user == principal.user };`,

  'nobody reviews their own break-glass': `
    forbid (principal, action == Trailkeep::Action::"breakglass:review", resource is Trailkeep::BreakGlass)
    when { resource.user == principal.user };`,

  'nobody approves their own override': `
    forbid (principal, action == Trailkeep::Action::"costs:approve", resource is Trailkeep::Override)
    when { resource.user == principal.user };`,

  // 45 CFR 164.502(b), PCI DSS 7.2: health and card data are read for something, or not at all.
  'health and card data need a purpose': `
    forbid (principal, action in [Trailkeep::Action::"show", Trailkeep::Action::"unmask"], resource)
    when { ["phi", "chd"].contains(resource.data_class) && resource.group != "what" }
    unless { context has purpose };`,

  // The last word.
  'no tenant reaches into another': `
    forbid (principal, action, resource)
    unless { resource.tenant == principal.tenant };`,
};

/** Every policy by its id, which is what answers and explanations name. */
export const policies: Readonly<Record<string, string>> = { ...held, ...views, ...conditions, ...invariants };
