import { type LeasedCommand, leaseCommands } from '../domain/command/lease.ts';
import { type Reported, reportCommands, reportEnrollments, reportInventory } from '../domain/device-news/report.ts';
import * as failures from '../domain/errors.ts';
import type { DeviceRequest, DeviceRequestKind } from '../domain/mdm-ports.ts';
import { advanceOperations } from '../domain/operation/advance.ts';
import { abortable } from './abortable.ts';
import { builder } from './builder.ts';
import { DeviceRef } from './device-ref.ts';
import { mutation } from './mutation.ts';
import { needs } from './rights.ts';

export const DeviceCommandKindEnum = builder.enumType('DeviceCommandKind', {
  description: 'What a command asks of a device.',
  values: {
    INSTALL_APP: { description: 'To install an app with a volume license, or to update it.' },
    REMOVE_APP: { description: 'To remove a managed app with its data.' },
    LIST_INSTALLED_APPS: { description: 'To tell which apps it has.' },
    LIST_MANAGED_APPS: { description: 'To tell how its managed apps stand.' },
    DEVICE_INFORMATION: { description: 'To tell what it is.' },
    INVITE_TO_PROGRAM: { description: 'To show its user an invitation of Apps and Books.' },
  } as const,
});

const EnrollmentTypeEnum = builder.enumType('EnrollmentType', {
  description: 'What kind of enrollment it is.',
  values: {
    DEVICE: { description: 'Of the whole device: it tells its serial number.' },
    USER: { description: 'Of an account on a device: no serial number is ever told, so it is tied to no device here.' },
  } as const,
});

type Of<Kind extends DeviceRequestKind> = Extract<DeviceRequest, { kind: Kind }>;

const kindField = 'What is asked; says which of the types it is.';
const bundleIds = 'Only these apps; all when null.';

const InstallAppRef = builder.objectRef<Of<'INSTALL_APP'>>('InstallAppRequest').implement({
  description:
    'Apple: InstallApplication with iTunesStoreID and Options.PurchaseMethod 1. It also updates an app that is managed already.',
  fields: (t) => ({
    kind: t.expose('kind', { type: DeviceCommandKindEnum, description: kindField }),
    adamId: t.exposeString('adamId', { description: "Apple's id of the store item; a number in the command." }),
    takeOver: t.exposeBoolean('takeOver', {
      description: 'Manage a copy that the user installed (ChangeManagementState = Managed).',
    }),
    removable: t.exposeBoolean('removable', {
      nullable: true,
      description: 'Whether the user may remove it (Attributes.Removable); not said when null.',
    }),
  }),
});

const RemoveAppRef = builder.objectRef<Of<'REMOVE_APP'>>('RemoveAppRequest').implement({
  description: 'Apple: RemoveApplication.',
  fields: (t) => ({
    kind: t.expose('kind', { type: DeviceCommandKindEnum, description: kindField }),
    bundleId: t.exposeString('bundleId', { description: 'Bundle id of the app.' }),
  }),
});

const ListInstalledRef = builder.objectRef<Of<'LIST_INSTALLED_APPS'>>('ListInstalledAppsRequest').implement({
  description: 'Apple: InstalledApplicationList; name the keys that `DeviceAppInput` has in Items.',
  fields: (t) => ({
    kind: t.expose('kind', { type: DeviceCommandKindEnum, description: kindField }),
    bundleIds: t.exposeStringList('bundleIds', { nullable: true, description: bundleIds }),
  }),
});

const ListManagedRef = builder.objectRef<Of<'LIST_MANAGED_APPS'>>('ListManagedAppsRequest').implement({
  description: 'Apple: ManagedApplicationList.',
  fields: (t) => ({
    kind: t.expose('kind', { type: DeviceCommandKindEnum, description: kindField }),
    bundleIds: t.exposeStringList('bundleIds', { nullable: true, description: bundleIds }),
  }),
});

const InformationRef = builder.objectRef<Of<'DEVICE_INFORMATION'>>('DeviceInformationRequest').implement({
  description: 'Apple: DeviceInformation; ask for what `DeviceFactsInput` has.',
  fields: (t) => ({ kind: t.expose('kind', { type: DeviceCommandKindEnum, description: kindField }) }),
});

const InviteRef = builder.objectRef<Of<'INVITE_TO_PROGRAM'>>('InviteToProgramRequest').implement({
  description: 'Apple: InviteToProgram with the ProgramID com.apple.cloudvpp.',
  fields: (t) => ({
    kind: t.expose('kind', { type: DeviceCommandKindEnum, description: kindField }),
    invitationUrl: t.string({
      description: 'Where the invitation leads. Whoever has it can link an Apple Account: treat it as a secret.',
      resolve: ({ invitationUrl }) => invitationUrl!,
    }),
  }),
});

const requestTypes = {
  INSTALL_APP: 'InstallAppRequest',
  REMOVE_APP: 'RemoveAppRequest',
  LIST_INSTALLED_APPS: 'ListInstalledAppsRequest',
  LIST_MANAGED_APPS: 'ListManagedAppsRequest',
  DEVICE_INFORMATION: 'DeviceInformationRequest',
  INVITE_TO_PROGRAM: 'InviteToProgramRequest',
} as const;

export const DeviceRequestRef = builder.unionType('DeviceRequest', {
  description: 'What is asked of a device, as one type for each kind of command.',
  types: [InstallAppRef, RemoveAppRef, ListInstalledRef, ListManagedRef, InformationRef, InviteRef],
  resolveType: (request) => requestTypes[(request as DeviceRequest).kind],
});

const LeasedCommandRef = builder.objectRef<LeasedCommand>('LeasedCommand').implement({
  description: 'A command that is yours to hand on until its lease ends.',
  fields: (t) => ({
    commandUuid: t.exposeString('commandUuid', {
      description:
        'Use it as the CommandUUID, and name it with each report. A lease that ran out comes with the same one.',
    }),
    enrollmentId: t.exposeString('enrollmentId', {
      description: 'The device as your server knows it: what you reported its enrollment with.',
    }),
    type: t.expose('type', { type: EnrollmentTypeEnum, description: 'What kind of enrollment it is.' }),
    device: t.field({
      type: DeviceRef,
      nullable: true,
      description: 'The device; null when its serial number is not known.',
      resolve: ({ deviceId }, _args, { loaders }) => (deviceId === null ? null : loaders.devices.load(deviceId)),
    }),
    request: t.field({ type: DeviceRequestRef, description: 'What is asked.', resolve: ({ request }) => request }),
    leasedUntil: t.expose('leasedUntil', { type: 'DateTime', description: 'When the lease ends.' }),
    leases: t.exposeInt('sends', { description: 'How often it was leased, this time included.' }),
  }),
});

const LeaseInput = builder.inputType('LeaseDeviceCommandsInput', {
  description: 'How much is leased.',
  fields: (t) => ({
    first: t.int({ required: true, description: 'Most commands, from 1 to 1,000.' }),
    seconds: t.int({
      required: true,
      description: 'How long you take at most until you report them, from 10 to 86,400 seconds.',
    }),
  }),
});

const LeasePayload = builder.objectRef<{ commands: LeasedCommand[] }>('LeaseDeviceCommandsPayload').implement({
  description: 'What was leased.',
  fields: (t) => ({
    commands: t.field({
      type: [LeasedCommandRef],
      description: 'The commands, oldest first; empty when none waits.',
      resolve: ({ commands }) => commands,
    }),
  }),
});

mutation('leaseDeviceCommands', {
  description:
    'Takes commands to be handed on by an MDM server that Russet does not call. Nobody else is given them until the lease ends; report each with `reportDeviceCommand`.',
  right: 'commands:write',
  input: LeaseInput,
  payload: LeasePayload,
  failures: [failures.NotFoundError],
  run: async ({ domain }, input) => ({
    commands: await leaseCommands(domain, input, (tx, ended) => advanceOperations(domain, tx, ended)),
  }),
});

builder.subscriptionField('deviceCommands', (t) =>
  t.field({
    type: builder.objectRef<{ waiting: number }>('DeviceCommandsWaiting').implement({
      description: 'There are commands to be leased.',
      fields: (f) => ({
        waiting: f.exposeInt('waiting', { description: 'About how many; `leaseDeviceCommands` says which.' }),
      }),
    }),
    description:
      'Says that there are commands to be leased: at once when some wait, and whenever more do. It hands nothing out, so nothing is lost with a connection.',
    ...needs('commands:write'),
    subscribe: (_root, _args, { streams, actor }) =>
      abortable((signal) => streams.deviceCommands({ organizationId: actor.organizationId, signal })),
    resolve: (event) => event,
  }),
);

const DeviceErrorInput = builder.inputType('DeviceErrorInput', {
  description: 'One item of an ErrorChain.',
  fields: (t) => ({
    domain: t.string({ required: true, description: 'ErrorDomain.' }),
    number: t.int({ required: true, description: 'ErrorCode.' }),
    message: t.string({ required: true, description: 'USEnglishDescription, or LocalizedDescription.' }),
  }),
});

const DeviceAppInput = builder.inputType('DeviceAppInput', {
  description: 'An app of InstalledApplicationList; absent where the device does not say.',
  fields: (t) => ({
    bundleId: t.string({ required: true, description: 'Identifier.' }),
    name: t.string({ description: 'Name.' }),
    version: t.string({ description: 'Version.' }),
    shortVersion: t.string({ description: 'ShortVersion.' }),
    externalVersionId: t.string({
      description: 'ExternalVersionIdentifier as text; 0 for an app that is not from the store.',
    }),
    hasUpdate: t.boolean({ description: 'HasUpdateAvailable.' }),
    deviceLicense: t.boolean({ description: 'DeviceBasedVPP.' }),
    installing: t.boolean({ description: 'Installing, DownloadWaiting or DownloadPaused.' }),
    downloadFailed: t.boolean({ description: 'DownloadFailed or DownloadCancelled.' }),
  }),
});

const ManagedAppInput = builder.inputType('ManagedAppInput', {
  description: 'An app of ManagedApplicationList.',
  fields: (t) => ({
    bundleId: t.string({ required: true, description: 'The key of the app.' }),
    status: t.string({ required: true, description: 'Status, as the device writes it.' }),
    externalVersionId: t.string({ description: 'ExternalVersionIdentifier as text.' }),
  }),
});

const DeviceFactsInput = builder.inputType('DeviceFactsInput', {
  description: 'What a device says of itself; absent where it does not say.',
  fields: (t) => ({
    serialNumber: t.string({ description: 'SerialNumber: ties the enrollment to the device.' }),
    name: t.string({ description: 'DeviceName.' }),
    osVersion: t.string({ description: 'OSVersion.' }),
    productName: t.string({ description: 'ProductName, e.g. `iPad13,18`.' }),
    modelName: t.string({ description: 'ModelName, e.g. `iPad`.' }),
    supervised: t.boolean({ description: 'IsSupervised.' }),
    awaitingConfiguration: t.boolean({ description: 'AwaitingConfiguration.' }),
    timeZone: t.string({ description: 'TimeZone, an IANA name.' }),
    storeAccountHash: t.string({ description: 'iTunesStoreAccountHash.' }),
    storeAccountActive: t.boolean({ description: 'iTunesStoreAccountIsActive.' }),
  }),
});

const AppAnswerInput = builder.inputType('AppAnswerInput', {
  description: 'What a device answers to an install or removal.',
  fields: (t) => ({
    bundleId: t.string({ description: 'Identifier.' }),
    state: t.string({ description: 'State, as the device writes it.' }),
    rejectionReason: t.string({ description: 'RejectionReason.' }),
  }),
});

const ReportStatusEnum = builder.enumType('DeviceCommandReportStatus', {
  description: 'What became of a command.',
  values: {
    DELIVERED: { description: 'Your server has it: its lease ends, and it is not leased again.' },
    REFUSED: { description: "Your server can't hand it on; it ends." },
    NOT_NOW: { description: 'The device said NotNow; your server offers it again.' },
    ACKNOWLEDGED: { description: 'The device said Acknowledged: accepted, not done.' },
    FAILED: { description: 'The device said Error.' },
    MALFORMED: { description: 'The device said CommandFormatError.' },
  } as const,
});

const atText = 'When it happened, by one clock for all of your reports; when it is reported, if absent.';
const idText = 'The device as your server knows it: UDID or EnrollmentID.';
const typeText = 'What kind of enrollment it is; DEVICE when absent.';

const ReportInput = builder.inputType('DeviceCommandReport', {
  description: 'What became of one command. The same report may come twice.',
  fields: (t) => ({
    commandUuid: t.string({ required: true, description: 'The CommandUUID that it was leased with.' }),
    enrollmentId: t.string({ required: true, description: idText }),
    type: t.field({ type: EnrollmentTypeEnum, description: typeText }),
    at: t.field({ type: 'DateTime', description: atText }),
    status: t.field({ type: ReportStatusEnum, required: true, description: 'What became of it.' }),
    reason: t.string({ description: 'Of REFUSED: why.' }),
    errors: t.field({ type: [DeviceErrorInput], description: 'Of FAILED: the whole ErrorChain.' }),
    app: t.field({ type: AppAnswerInput, description: 'Of an install or removal.' }),
    apps: t.field({ type: [DeviceAppInput], description: 'Of ListInstalledAppsRequest.' }),
    managedApps: t.field({ type: [ManagedAppInput], description: 'Of ListManagedAppsRequest.' }),
    facts: t.field({ type: DeviceFactsInput, description: 'Of DeviceInformationRequest.' }),
    invitation: t.string({ description: 'Of InviteToProgramRequest: InvitationResult.' }),
  }),
});

const reportedPayload = (name: string) =>
  builder.objectRef<Reported>(name).implement({
    description: 'What was taken in. It is stored, and applied right behind the answer.',
    fields: (t) => ({ accepted: t.exposeInt('accepted', { description: 'Messages that were stored.' }) }),
  });

mutation('reportDeviceCommand', {
  description: 'Tells what became of leased commands.',
  right: 'commands:write',
  input: builder.inputType('ReportDeviceCommandInput', {
    description: 'Reports of commands.',
    fields: (t) => ({
      reports: t.field({ type: [ReportInput], required: true, description: 'The reports, at most 1,000.' }),
    }),
  }),
  payload: reportedPayload('ReportDeviceCommandPayload'),
  failures: [failures.NotFoundError],
  run: ({ domain }, input) => reportCommands(domain, input),
});

const InventoryInput = builder.inputType('DeviceInventoryReport', {
  description: 'What one device has, without having been asked by Russet.',
  fields: (t) => ({
    enrollmentId: t.string({ required: true, description: idText }),
    type: t.field({ type: EnrollmentTypeEnum, description: typeText }),
    at: t.field({ type: 'DateTime', description: atText }),
    apps: t.field({ type: [DeviceAppInput], description: 'Its apps.' }),
    complete: t.boolean({ description: '`apps` are all that it has: what is not named is gone. True when absent.' }),
    facts: t.field({ type: DeviceFactsInput, description: 'What it says of itself.' }),
  }),
});

mutation('reportInventory', {
  description: 'Tells which apps devices have, and what they are.',
  right: 'commands:write',
  input: builder.inputType('ReportInventoryInput', {
    description: 'Inventories of devices.',
    fields: (t) => ({
      devices: t.field({ type: [InventoryInput], required: true, description: 'The devices, at most 1,000.' }),
    }),
  }),
  payload: reportedPayload('ReportInventoryPayload'),
  failures: [failures.NotFoundError],
  run: ({ domain }, input) => reportInventory(domain, input),
});

const EnrollmentEventEnum = builder.enumType('EnrollmentEvent', {
  description: 'What happened to an enrollment.',
  values: {
    ENROLLED: { description: 'It enrolled, or enrolled anew: commands that it was given before are gone.' },
    PRESENT: { description: 'It is enrolled, and nothing new.' },
    GONE: { description: 'It is not enrolled any more.' },
  } as const,
});

const EnrollmentReportInput = builder.inputType('EnrollmentReport', {
  description: 'How one enrollment stands.',
  fields: (t) => ({
    enrollmentId: t.string({ required: true, description: idText }),
    type: t.field({ type: EnrollmentTypeEnum, description: typeText }),
    at: t.field({ type: 'DateTime', description: atText }),
    event: t.field({ type: EnrollmentEventEnum, required: true, description: 'What happened.' }),
    facts: t.field({
      type: DeviceFactsInput,
      description: 'What it says of itself; its serial number ties it to the device.',
    }),
  }),
});

mutation('reportEnrollments', {
  description: 'Tells which devices are enrolled at an MDM server that Russet does not call.',
  right: 'commands:write',
  input: builder.inputType('ReportEnrollmentsInput', {
    description: 'Reports of enrollments.',
    fields: (t) => ({
      enrollments: t.field({
        type: [EnrollmentReportInput],
        required: true,
        description: 'The enrollments, at most 1,000.',
      }),
    }),
  }),
  payload: reportedPayload('ReportEnrollmentsPayload'),
  failures: [failures.NotFoundError],
  run: ({ domain }, input) => reportEnrollments(domain, input),
});
