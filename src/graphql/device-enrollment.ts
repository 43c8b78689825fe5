import { capabilitiesOf, type EnrollmentCapability, type EnrollmentRow } from '../domain/enrollment/row.ts';
import { builder } from './builder.ts';
import { DeviceRef } from './device-ref.ts';
import { needs } from './rights.ts';

const EnrollmentStateEnum = builder.enumType('EnrollmentState', {
  description: 'How an enrollment stands.',
  values: {
    ENROLLING: { description: 'It began and can not be reached yet: what is for it waits.' },
    ENROLLED: { description: 'Commands reach it.' },
    GONE: { description: 'It said goodbye, or its MDM server was removed.' },
  } as const,
});

const CapabilityEnum = builder.enumType('DeviceCapability', {
  description: 'What can be done with a device as it is enrolled now.',
  values: {
    COMMANDS: { description: 'Commands can be given to it.' },
    SILENT_INSTALLS: { description: 'It is supervised: nobody at the device is asked before an app is installed.' },
    VERSIONS: { description: "It tells the store's version ids, so that updates are told apart (iOS 11 and newer)." },
    LOCAL_TIME: { description: 'It tells its time zone, so that windows of updates can be meant in it.' },
  } as const satisfies Record<EnrollmentCapability, { description: string }>,
});

const EnrollmentRef = builder.objectRef<EnrollmentRow>('Enrollment').implement({
  description: 'How a device stands with the MDM server of the organization.',
  fields: (t) => ({
    state: t.expose('state', { type: EnrollmentStateEnum, description: 'How it stands.' }),
    enrollmentId: t.exposeString('enrollmentId', {
      description: 'The device as its MDM server knows it: UDID or EnrollmentID.',
      ...needs('mdm:read'),
    }),
    capabilities: t.field({
      type: [CapabilityEnum],
      description: 'What can be done with it; nothing while it is not enrolled.',
      resolve: (row) => capabilitiesOf(row),
    }),
    enrolledAt: t.expose('enrolledAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it could be reached first since it enrolled; null when that was not told.',
    }),
    lastSeenAt: t.expose('seenAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Its newest sign of life, by the clock of the MDM server.',
    }),
    goneAt: t.expose('goneAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it left; null while it is there.',
    }),
    informedAt: t.expose('informedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it last told what it is.',
    }),
    listedAt: t.expose('listedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it last told all of its apps.',
    }),
    awaitingConfiguration: t.exposeBoolean('awaitingConfiguration', {
      nullable: true,
      description: 'It stands in its Setup Assistant and waits for the MDM server; null when it has not said.',
    }),
    timeZone: t.exposeString('timeZone', {
      nullable: true,
      description: 'Its time zone as an IANA name; null when it does not tell.',
    }),
  }),
});

builder.objectField(DeviceRef, 'enrollment', (t) =>
  t.field({
    type: EnrollmentRef,
    nullable: true,
    description:
      'How it stands with the MDM server: its present enrollment, or the last one; null when there never was one.',
    resolve: ({ id }, _args, { loaders }) => loaders.enrollmentOfDevice.load(id),
  }),
);
