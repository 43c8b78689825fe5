import { updateOrganization } from '../domain/organization/update.ts';
import { builder } from './builder.ts';
import { AppStatusEnum } from './enums.ts';
import { bareId } from './ids.ts';
import { mutation, withoutNulls } from './mutation.ts';
import { needs } from './rights.ts';

builder.prismaNode('Organization', {
  nullable: true,
  description: 'A customer with its own tokens, apps, devices and tasks.',
  select: { id: true },
  id: { resolve: (organization) => String(organization.id) },
  findUnique: (id) => ({ id: bareId(id) ?? -1n }),
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name.' }),
    timeZone: t.exposeString('timeZone', {
      description: 'IANA time zone in which weekly windows are meant. All times of the API are UTC.',
    }),
    newAppStatus: t.expose('newAppStatus', { type: AppStatusEnum, description: 'Status that a newly seen app gets.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was set up.' }),
  }),
});

builder.queryField('organization', (t) =>
  t.prismaField({
    type: 'Organization',
    description: 'The organization that the key belongs to.',
    ...needs('organization:read'),
    resolve: (query, _root, _args, { db, actor }) =>
      db.organization.findUniqueOrThrow({ ...query, where: { id: actor.organizationId } }),
  }),
);

const UpdateOrganizationInput = builder.inputType('UpdateOrganizationInput', {
  description: 'Settings to change; an absent one stays as it is.',
  fields: (t) => ({
    name: t.string({ description: 'Its name, at most 200 characters.' }),
    timeZone: t.string({ description: 'IANA time zone, e.g. `Europe/Zurich`.' }),
    newAppStatus: t.field({ type: AppStatusEnum, description: 'Status that a newly seen app gets from now on.' }),
  }),
});

const UpdateOrganizationPayload = builder.objectRef<object>('UpdateOrganizationPayload').implement({
  description: 'The organization after the change.',
  fields: (t) => ({
    organization: t.prismaField({
      type: 'Organization',
      description: 'The organization.',
      resolve: (query, _payload, _args, { db, actor }) =>
        db.organization.findUniqueOrThrow({ ...query, where: { id: actor.organizationId } }),
    }),
  }),
});

mutation('updateOrganization', {
  description: "Changes the organization's settings.",
  right: 'organization:write',
  input: UpdateOrganizationInput,
  payload: UpdateOrganizationPayload,
  failures: [],
  run: async ({ domain }, input) => {
    await updateOrganization(domain, withoutNulls(input));
    return {};
  },
});
