/** What becomes of an app after a while: the download ends, or a person answers. @module */
import { load } from './answers/install.ts';
import { type AppStep, begin, type Scene } from './answers/types.ts';
import type { DeviceAppState } from './device.ts';

/** Takes the step. */
export function takeStep(scene: Scene, app: DeviceAppState, step: AppStep): void {
  if (step === 'agreed') agree(scene, app);
  else if (step === 'rejected') begin(app, rejection(app));
  else if (step === 'failed') begin(app, 'Failed');
  else {
    if (step === 'installed') app.installed = app.target;
    begin(app, 'Managed');
  }
  if (app.status !== 'Installing' && app.status !== 'Updating') app.target = null;
}

function agree(scene: Scene, app: DeviceAppState): void {
  const isCurrent = app.installed !== null && app.installed.externalId === app.target?.externalId;
  if (isCurrent) begin(app, 'Managed');
  else load(scene, app);
}

function rejection({ status }: DeviceAppState) {
  if (status === 'PromptingForUpdate') return 'UpdateRejected' as const;
  return status === 'PromptingForManagement' ? ('ManagementRejected' as const) : ('UserRejected' as const);
}
