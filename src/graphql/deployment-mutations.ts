import { createDeployment, deleteDeployment, updateDeployment } from '../domain/deployment/write.ts';
import * as failures from '../domain/errors.ts';
import { builder } from './builder.ts';
import { DeploymentRef } from './deployment-ref.ts';
import { DeploymentModeEnum } from './enums.ts';
import { globalId, optionalRowId, rowId } from './ids.ts';
import { mutation } from './mutation.ts';
import { showsWritten } from './rights.ts';

const texts = {
  token: 'Global id of the only token that licenses may come from.',
  rank: 'Which deployment counts for a device in several groups: the lowest rank, 0 to 1,000.',
  priority: 'Who comes first among those who want the same licenses: the larger one, −100 to 100.',
};

function payload(name: string, description: string) {
  return builder.objectRef<{ deploymentId: bigint }>(name).implement({
    description,
    fields: (t) => ({
      deployment: t.field({
        type: DeploymentRef,
        description: 'The deployment as it is now.',
        ...showsWritten,
        resolve: ({ deploymentId }, _args, { loaders }) => loaders.deployments.load(deploymentId).then((row) => row!),
      }),
    }),
  });
}

const CreateDeploymentInput = builder.inputType('CreateDeploymentInput', {
  description: 'What the devices of a group shall have of an app.',
  fields: (t) => ({
    appId: t.id({ required: true, description: 'Global id of the app.' }),
    groupId: t.id({ required: true, description: 'Global id of the device group; one deployment for each app.' }),
    mode: t.field({
      type: DeploymentModeEnum,
      required: true,
      description: 'What they shall have. LICENSE_AND_INSTALL needs the right to write devices, too.',
    }),
    tokenId: t.id({ description: `${texts.token} Absent: the first in order that can serve.` }),
    rank: t.int({ description: `${texts.rank} 0 when absent.` }),
    priority: t.int({ description: `${texts.priority} 0 when absent.` }),
  }),
});

mutation('createDeployment', {
  description:
    'Deploys an app to a device group, for as long as the deployment exists: who comes into the group is served too. Work begins at once, in tasks.',
  right: 'licenses:write',
  input: CreateDeploymentInput,
  payload: payload('CreateDeploymentPayload', 'The new deployment.'),
  failures: [failures.NotFoundError],
  run: async ({ domain }, { appId, groupId, tokenId, ...input }) => ({
    deploymentId: await createDeployment(domain, {
      ...input,
      appId: rowId('App', appId, ['appId']),
      groupId: rowId('DeviceGroup', groupId, ['groupId']),
      tokenId: optionalRowId('Token', tokenId, ['tokenId']),
    }),
  }),
});

const UpdateDeploymentInput = builder.inputType('UpdateDeploymentInput', {
  description: 'What to change in a deployment; an absent field stays as it is.',
  fields: (t) => ({
    deploymentId: t.id({ required: true, description: 'Global id of the deployment.' }),
    mode: t.field({
      type: DeploymentModeEnum,
      description:
        'What its devices shall have. A deployment that is LICENSE_AND_INSTALL afterwards needs the right to write devices, too, whatever was changed.',
    }),
    tokenId: t.id({ description: `${texts.token} null: the first in order that can serve.` }),
    rank: t.int({ description: texts.rank }),
    priority: t.int({ description: texts.priority }),
  }),
});

const deploymentKey = (id: string) => rowId('Deployment', id, ['deploymentId']);

mutation('updateDeployment', {
  description:
    'Changes a deployment. Licenses that were given stay, unless its mode is NONE; installs that are not wanted any more are taken back where no device was told of them.',
  right: 'licenses:write',
  input: UpdateDeploymentInput,
  payload: payload('UpdateDeploymentPayload', 'The changed deployment.'),
  failures: [failures.NotFoundError],
  run: async ({ domain }, { deploymentId, tokenId, mode, ...input }) => ({
    deploymentId: await updateDeployment(domain, {
      ...input,
      ...(mode ? { mode } : {}),
      deploymentId: deploymentKey(deploymentId),
      ...(tokenId === undefined ? {} : { tokenId: optionalRowId('Token', tokenId, ['tokenId']) }),
    }),
  }),
});

const DeleteDeploymentInput = builder.inputType('DeleteDeploymentInput', {
  description: 'Which deployment to end.',
  fields: (t) => ({ deploymentId: t.id({ required: true, description: 'Global id of the deployment.' }) }),
});

const DeleteDeploymentPayload = builder.objectRef<{ deploymentId: bigint }>('DeleteDeploymentPayload').implement({
  description: 'The deployment that is gone.',
  fields: (t) => ({
    deploymentId: t.id({
      description: 'The global id that it had.',
      resolve: ({ deploymentId }) => globalId('Deployment', deploymentId),
    }),
  }),
});

mutation('deleteDeployment', {
  description:
    'Ends a deployment. What it gave stays with the devices; those that still waited no longer wait, and installs that no device was told of are taken back with their licenses.',
  right: 'licenses:write',
  input: DeleteDeploymentInput,
  payload: DeleteDeploymentPayload,
  failures: [failures.NotFoundError],
  run: async ({ domain }, { deploymentId }) => ({
    deploymentId: await deleteDeployment(domain, { deploymentId: deploymentKey(deploymentId) }),
  }),
});
