/**
 * Connects an MDM server that Russet does not call: reports its enrollments, hands commands on, brings the answers back.
 * `devices` stands in the place of your server. The key needs `commands:write`, the organization a GRAPHQL connection.
 *
 *   node examples/carry-commands.mjs [commands after which it ends]
 */
import { readFileSync } from 'node:fs';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

const { graphqlUrl, apiKey } = JSON.parse(readFileSync(`${process.env.RUSSET_DATA || '.data'}/sandbox.json`, 'utf8'));
const enough = Number(process.argv[2] ?? Number.POSITIVE_INFINITY);

/** Your MDM server: which devices it has, and what they answer. These two do at once whatever they are told. */
const devices = new Map(
  ['EXAMPLE0001', 'EXAMPLE0002'].map((serialNumber, index) => [
    `example-udid-${index + 1}`,
    { serialNumber, apps: new Map() },
  ]),
);
function handOn({ enrollmentId, request }) {
  const { serialNumber, apps } = devices.get(enrollmentId);
  const kind = request.kind;
  if (kind === 'INSTALL_APP') {
    const bundleId = `org.example.app${request.adamId}`;
    apps.set(bundleId, { bundleId, name: `App ${request.adamId}`, version: '1', externalVersionId: '1' });
    return { app: { bundleId, state: 'Installing' } };
  }
  if (kind === 'REMOVE_APP') apps.delete(request.bundleId);
  const wanted = [...apps.values()].filter((app) => !request.bundleIds || request.bundleIds.includes(app.bundleId));
  if (kind === 'LIST_INSTALLED_APPS') return { apps: wanted };
  if (kind === 'LIST_MANAGED_APPS')
    return { managedApps: wanted.map(({ bundleId }) => ({ bundleId, status: 'Managed' })) };
  if (kind === 'DEVICE_INFORMATION') return { facts: { serialNumber, osVersion: '26.1', productName: 'iPad13,18' } };
  return { invitation: 'Acknowledged' };
}

const refusal = '... on UserError { code message }';
const enroll = `mutation ($input: ReportEnrollmentsInput!) { result: reportEnrollments(input: $input) { __typename ${refusal} } }`;
const report = `mutation ($input: ReportDeviceCommandInput!) { result: reportDeviceCommand(input: $input) { __typename ${refusal} } }`;
const lease = `
  mutation ($input: LeaseDeviceCommandsInput!) {
    result: leaseDeviceCommands(input: $input) {
      ... on LeaseDeviceCommandsPayload {
        commands {
          commandUuid enrollmentId
          request {
            ... on InstallAppRequest { kind adamId takeOver removable }
            ... on RemoveAppRequest { kind bundleId }
            ... on ListInstalledAppsRequest { kind bundleIds }
            ... on ListManagedAppsRequest { kind bundleIds }
            ... on DeviceInformationRequest { kind }
            ... on InviteToProgramRequest { kind invitationUrl }
          }
        }
      }
      ${refusal}
    }
  }`;

const client = createClient({
  url: graphqlUrl.replace(/^http/, 'ws'),
  webSocketImpl: WebSocket,
  connectionParams: { apiKey },
});

async function ask(query, input) {
  for await (const { data, errors } of client.iterate({ query, variables: { input } })) {
    if (errors) throw new Error(errors[0].message);
    if (data.result.code) throw new Error(`${data.result.code}: ${data.result.message}`);
    return data.result;
  }
}

const now = () => new Date().toISOString();
await ask(enroll, {
  enrollments: [...devices].map(([enrollmentId, { serialNumber }]) => {
    return { enrollmentId, event: 'PRESENT', at: now(), facts: { serialNumber } };
  }),
});
let done = 0;
for await (const { errors } of client.iterate({ query: 'subscription { deviceCommands { waiting } }' })) {
  if (errors) throw new Error(errors[0].message);
  for (;;) {
    const { commands } = await ask(lease, { first: 100, seconds: 60 });
    if (commands.length === 0) break;
    // Were this to die here, the commands would come again with the same CommandUUIDs when the lease ends.
    const reports = commands.map(({ commandUuid, enrollmentId, request }) => {
      console.log(`${enrollmentId}: ${request.kind}`);
      return { commandUuid, enrollmentId, at: now(), status: 'ACKNOWLEDGED', ...handOn({ enrollmentId, request }) };
    });
    await ask(report, { reports });
    done += reports.length;
  }
  if (done >= enough) break;
}
await client.dispose();
