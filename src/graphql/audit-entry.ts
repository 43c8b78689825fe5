import { builder } from './builder.ts';
import { nodeKey } from './ids.ts';
import { needs } from './rights.ts';
import { taskOf } from './task-of.ts';

builder.prismaNode('AuditEntry', {
  nullable: true,
  description: 'What one actor did once. Written in the same transaction as the change itself.',
  select: { organizationId: true, id: true },
  id: { resolve: (entry) => String(entry.id) },
  findUnique: (id, { actor }) => nodeKey(actor.organizationId, id),
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime', description: 'When.' }),
    actor: t.exposeString('actor', {
      description: 'Who: `key:` with the number of an API key, or `system:` with a part of Russet.',
    }),
    action: t.exposeString('action', { description: 'What, as `noun.verb`.' }),
    subject: t.exposeString('subject', { nullable: true, description: 'To what, e.g. `token:3`.' }),
    correlationId: t.exposeString('correlationId', {
      nullable: true,
      description: 'Ties it to the request and its log lines: the `x-correlation-id` of the answer.',
    }),
    data: t.string({
      nullable: true,
      description: 'What changed, as JSON text; never a secret.',
      select: { data: true },
      resolve: (entry) => (entry.data === null ? null : JSON.stringify(entry.data)),
    }),
    task: t.prismaField({
      type: 'Task',
      nullable: true,
      description: 'The task that it started.',
      ...needs('tasks:read'),
      select: { taskId: true },
      resolve: (query, { taskId }, _args, context) => taskOf(query, taskId, context),
    }),
  }),
});

builder.queryField('auditEntries', (t) =>
  t.prismaConnection({
    type: 'AuditEntry',
    cursor: 'organizationId_id',
    description: 'Who did what, newest first.',
    ...needs('audit:read'),
    args: {
      action: t.arg.string({ description: 'Only this action, e.g. `token.upload`.' }),
      subject: t.arg.string({ description: 'Only what was done to this, e.g. `token:3`.' }),
      since: t.arg({ type: 'DateTime', description: 'Only from this moment on.' }),
      until: t.arg({ type: 'DateTime', description: 'Only before this moment.' }),
    },
    totalCount: (_root, args, { db }) => db.auditEntry.count({ where: entriesLike(args) }),
    resolve: (query, _root, args, { db }) =>
      db.auditEntry.findMany({ ...query, where: entriesLike(args), orderBy: { id: 'desc' } }),
  }),
);

interface EntryFilter {
  action?: string | null | undefined;
  subject?: string | null | undefined;
  since?: Date | null | undefined;
  until?: Date | null | undefined;
}

function entriesLike({ action, subject, since, until }: EntryFilter) {
  return {
    ...(action ? { action } : {}),
    ...(subject ? { subject } : {}),
    ...(since || until ? { at: { ...(since ? { gte: since } : {}), ...(until ? { lt: until } : {}) } } : {}),
  };
}
