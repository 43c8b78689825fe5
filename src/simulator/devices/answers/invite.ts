/** InviteToProgram: shows a person an invitation; the answer does not say whether it is accepted (MDM sheet §7). @module */
import type { PlistDict } from '../../../lib/plist.ts';
import { type Answer, acknowledged, type Scene } from './types.ts';

/** Answers the command. */
export function inviteToProgram({ device, later }: Scene, command: PlistDict): Answer {
  if (command.ProgramID !== 'com.apple.cloudvpp') return acknowledged({ InvitationResult: 'InvalidProgramID' });
  const { InvitationURL: url } = command;
  if (typeof url !== 'string' || !URL.canParse(url)) return acknowledged({ InvitationResult: 'InvalidInvitationURL' });
  later.invitation(device, url);
  return acknowledged({ InvitationResult: 'Acknowledged' });
}
