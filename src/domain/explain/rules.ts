/**
 * Why an app is not on a device: one rule a reason, the one that helps most first (F4). Pure. Whatever needs a change of the
 * world stands before what needs time, and what is read before what is guessed.
 * @module
 */
import { type Reason, reason } from '../update/reason.ts';
import { stagedRollout } from '../update/staged-rollout.ts';
import type { ExplainFacts } from './facts.ts';

type Rule = (facts: ExplainFacts) => Reason | null;

const day = 24 * 60 * 60 * 1000;
/** A device that was not seen for so long is likely off or away. */
const silentFor = 3 * day;

const live = ({ license }: ExplainFacts) => license !== null && license.endedAt === null;
const confirmed = (facts: ExplainFacts) => live(facts) && facts.license!.state === 'CONFIRMED';
const open = ({ operation }: ExplainFacts) => operation !== null && operation.endedAt === null;
const older = (facts: ExplainFacts, at: Date | null, by: number) =>
  at === null || facts.now.getTime() - at.getTime() > by;

/** A refusal that no license can mend, or one of supply, under its own code. */
const refusedFor =
  (...codes: string[]): Rule =>
  (facts) => {
    const { refusal } = facts;
    if (live(facts) || !refusal || !codes.includes(refusal.code)) return null;
    return reason(refusal.code, 'FACT', refusal.message, refusal.evidence);
  };

const deviceError = ({ operation, command }: ExplainFacts) => {
  if (operation?.cause?.number !== undefined) return operation.cause;
  const [error] = command?.answer?.errors ?? [];
  if (error) return error;
  const words = command?.answer?.rejectionReason;
  return words ? { code: words, message: words } : null;
};

/** As people write a moment. */
const said = (at: Date) => `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** The license went back because of what the install came to: that is the reason, and the license follows from it. */
const wentBack = ({ operation, license }: ExplainFacts) => operation?.gaveBack === true && license?.endedAt != null;

const rejected = ({ operation }: ExplainFacts) =>
  operation?.cause?.code === 'USER_REJECTED' || operation?.cause?.number === 12063;

/** What an install that has not ended is at. */
function progress({ state, attempts, cause, dueAt }: NonNullable<ExplainFacts['operation']>): string {
  if (!cause?.message || attempts === 0 || cause.waits || state !== 'READY') return 'The install is under way.';
  const times = attempts === 1 ? 'once' : `${attempts} times`;
  const next = dueAt ? `It is tried again at ${said(dueAt)}.` : 'It is tried again by itself.';
  return `The install was tried ${times} and failed. Last: ${cause.message} ${next}`;
}

/** What a removal that has not ended is at. */
function removalProgress({ state, attempts, cause, dueAt }: NonNullable<ExplainFacts['removing']>): string {
  if (state === 'WAITING_FOR_LICENSE') return 'It goes when Apple has taken its license back.';
  if (state !== 'READY') return 'The device has the command; the app is gone when its list says so.';
  if (!cause?.message) return 'The command waits to be sent.';
  const next = attempts > 0 && dueAt && !cause.waits ? ` It is tried again at ${said(dueAt)}.` : '';
  return `${cause.message}${next}`;
}

/** Every reason but INSTALLED, INSTALLING, STAGED_ROLLOUT and UNKNOWN, in order. */
export const rules: Record<string, Rule> = {
  REMOVING: ({ removing }) =>
    removing
      ? reason(
          'REMOVING',
          'FACT',
          `Russet is removing the app, as was asked (task ${removing.taskKind}). ${removalProgress(removing)}`,
          {
            task: removing.taskKind,
            state: removing.state,
            since: removing.since,
            attempts: removing.attempts,
            cause: removing.cause?.code,
            nextAt: removing.dueAt,
          },
        )
      : null,
  REMOVED: ({ removal }) =>
    removal
      ? reason(
          'REMOVED',
          'FACT',
          `Russet removed the app on ${said(removal.endedAt)}, as was asked (task ${removal.taskKind}). To have it again, install it.`,
          { removedAt: removal.endedAt, task: removal.taskKind },
        )
      : null,
  APP_NOT_RELEASED: refusedFor('APP_NOT_RELEASED'),
  NOT_DEVICE_ASSIGNABLE: refusedFor('NOT_DEVICE_ASSIGNABLE'),
  PLATFORM_NOT_SUPPORTED: refusedFor('PLATFORM_NOT_SUPPORTED'),
  OS_TOO_OLD: refusedFor('OS_TOO_OLD'),
  MINIMUM_OS: ({ store, osVersion }) =>
    store && !store.fitsSystem
      ? reason('MINIMUM_OS', 'FACT', 'The app needs a newer system than the device runs. Update the device.', {
          minimumOsVersion: store.minimumOsVersion,
          osVersion,
          storefront: store.storefront,
        })
      : null,
  DEVICE_FAMILY: ({ store, family }) =>
    store && !store.fitsFamily
      ? reason('DEVICE_FAMILY', 'FACT', 'The app does not run on this kind of device.', {
          family,
          storefront: store.storefront,
        })
      : null,
  STOREFRONT: ({ elsewhere }) =>
    elsewhere
      ? reason(
          'STOREFRONT',
          'LIKELY',
          'The storefront of the tokens does not have the app; another country’s has it.',
          { storefront: elsewhere },
        )
      : null,
  DEPLOYMENT_NONE: (facts) =>
    !live(facts) && facts.deployment?.mode === 'NONE'
      ? reason('DEPLOYMENT_NONE', 'FACT', 'A deployment says that the device shall not have the app.')
      : null,
  NO_TOKEN_FOR_APP: refusedFor('NO_TOKEN_FOR_APP'),
  TOKEN_EXPIRED: refusedFor('TOKEN_EXPIRED'),
  TOKEN_NOT_USABLE: refusedFor('TOKEN_NOT_USABLE', 'INSTALLATION_NOT_CONFIRMED'),
  QUOTA_EXCEEDED: refusedFor('QUOTA_EXCEEDED'),
  WAITS_FOR_LICENSE: (facts) =>
    !live(facts) && facts.wait
      ? reason(
          'WAITS_FOR_LICENSE',
          'FACT',
          'No license is free. The device waits for one, and gets it by itself when its turn comes.',
          {
            position: facts.wait.position,
            since: facts.wait.since,
            until: facts.wait.expiresAt,
            because: facts.wait.reason,
          },
        )
      : null,
  NO_LICENSES_AVAILABLE: refusedFor('NO_LICENSES_AVAILABLE'),
  LICENSE_FAILED: ({ license }) =>
    license?.state === 'FAILED'
      ? reason(
          'LICENSE_FAILED',
          'FACT',
          'The license was asked for and not given. The task that asked says why; retry it.',
          { endedAt: license.endedAt, endReason: license.endReason },
        )
      : null,
  LICENSE_ENDED: (facts) => {
    const { license, removal } = facts;
    if (!license?.endedAt || license.state === 'FAILED') return null;
    const advice = wentBack(facts)
      ? 'The license of the install went back when it came to nothing; another install takes one anew.'
      : removal
        ? 'The device had a license, and it has ended; another install takes one anew.'
        : 'The device had a license, and it has ended. Give it another one.';
    return reason('LICENSE_ENDED', 'FACT', advice, {
      state: license.state,
      endedAt: license.endedAt,
      endReason: license.endReason,
    });
  },
  DEPLOYMENT_REFUSED: (facts) => {
    const refused = facts.deployment?.refusal;
    // Of a Mac only the install is refused; its license comes.
    if (live(facts) || !refused || refused.code === 'INSTALL_NOT_SUPPORTED') return null;
    return reason('DEPLOYMENT_REFUSED', 'FACT', `A deployment tried and was refused: ${refused.message}`, {
      code: refused.code,
      retryAt: refused.retryAt,
    });
  },
  NOT_REQUESTED: ({ license, wait, refusal }) =>
    license === null && !wait && !refusal
      ? reason(
          'NOT_REQUESTED',
          'FACT',
          'Nobody has asked for a license of the app for this device. A request would be granted now.',
        )
      : null,
  REVOKE_IN_PROGRESS: (facts) =>
    live(facts) && facts.license!.state.startsWith('REVOKE')
      ? reason('REVOKE_IN_PROGRESS', 'FACT', 'The license is just being taken back.', { state: facts.license!.state })
      : null,
  PENDING_AT_APPLE: (facts) =>
    live(facts) && ['REQUESTED', 'PENDING_AT_APPLE'].includes(facts.license!.state)
      ? reason(
          'PENDING_AT_APPLE',
          'FACT',
          'The license is asked for; Apple has not confirmed it yet. Nothing is installed before.',
          { state: facts.license!.state, since: facts.license!.startedAt },
        )
      : null,
  NOT_ENROLLED: ({ enrollment }) =>
    enrollment === null || enrollment.state === 'GONE'
      ? reason(
          'NOT_ENROLLED',
          'FACT',
          'The device is not enrolled with the MDM server, so nothing can be sent to it.',
          { goneAt: enrollment?.goneAt },
        )
      : null,
  APP_IN_USE: (facts) => {
    const error = deviceError(facts);
    if (error?.number !== 1407 && error?.number !== 663) return null;
    return reason(
      'APP_IN_USE',
      'LIKELY',
      'The device can’t replace or ask while the app is in front or the device is locked to one app. Leave the app, or that mode.',
      { domain: error.domain, number: error.number },
    );
  },
  PROMPTING: ({ operation }) =>
    operation?.state === 'PROMPTING'
      ? reason(
          'PROMPTING',
          'FACT',
          'The device asks the person at it, who has to agree. Supervised devices ask nothing.',
          { since: operation.changedAt },
        )
      : null,
  PROPAGATING: ({ operation }) =>
    operation?.state === 'PROPAGATING'
      ? reason(
          'PROPAGATING',
          'FACT',
          'Apple confirmed the license, and the device can’t see it yet. It is tried again by itself.',
          { attempts: operation.attempts, nextAt: operation.dueAt, number: operation.cause?.number },
        )
      : null,
  REMOVED_BY_USER: ({ installed, operation, enrollment, removal }) => {
    if (removal) return null;
    if (installed?.managedStatus === 'ManagedButUninstalled')
      return reason('REMOVED_BY_USER', 'FACT', 'The person at the device deleted the app. Install it again.', {
        managedStatus: installed.managedStatus,
      });
    const gone =
      operation?.state === 'DONE' &&
      enrollment?.listedAt &&
      operation.endedAt &&
      enrollment.listedAt > operation.endedAt;
    return gone && !installed
      ? reason(
          'REMOVED_BY_USER',
          'LIKELY',
          'The app was installed, and the device no longer lists it: somebody deleted it there.',
          { installedAt: operation.endedAt, listedAt: enrollment.listedAt },
        )
      : null;
  },
  USER_REJECTED: (facts) =>
    rejected(facts)
      ? reason('USER_REJECTED', 'FACT', 'The person at the device declined. Talk to them, then try again.', {
          at: facts.operation!.changedAt,
        })
      : null,
  DEVICE_REFUSED: (facts) => {
    const error = deviceError(facts);
    const { operation } = facts;
    if (rejected(facts) || !error || (operation && !['FAILED', 'READY'].includes(operation.state))) return null;
    return reason('DEVICE_REFUSED', 'FACT', `The device refused: ${error.message ?? error.domain}`, {
      domain: error.domain,
      number: error.number,
      code: 'code' in error ? error.code : undefined,
    });
  },
  NOT_NOW: ({ command, operation }) =>
    command && command.endedAt === null && command.notNows > 0 && operation?.state !== 'INSTALLING'
      ? reason('NOT_NOW', 'FACT', 'The device said that it can’t now, as when it is locked. It is offered again.', {
          times: command.notNows,
          lastAt: command.notNowAt,
        })
      : null,
  NOT_SEEN: (facts) => {
    const { enrollment } = facts;
    if (!enrollment || enrollment.state === 'GONE' || !older(facts, enrollment.lastSeenAt, silentFor)) return null;
    return reason('NOT_SEEN', 'LIKELY', 'The device has not been seen for days: it is off, or not on a network.', {
      lastSeenAt: enrollment.lastSeenAt,
    });
  },
  TIMED_OUT: ({ operation }) =>
    operation?.state === 'TIMED_OUT'
      ? reason(
          'TIMED_OUT',
          'FACT',
          operation.cause?.message ?? 'The device did not get there in time. It may still come.',
          { endedAt: operation.endedAt, code: operation.cause?.code },
        )
      : null,
  // An answer with a number is told as USER_REJECTED or DEVICE_REFUSED already.
  INSTALL_FAILED: ({ operation }) =>
    operation?.state === 'FAILED' &&
    operation.cause?.code &&
    operation.cause.number === undefined &&
    !['UNKNOWN_ANSWER', 'USER_REJECTED'].includes(operation.cause.code)
      ? reason('INSTALL_FAILED', 'FACT', operation.cause.message ?? 'The install failed.', {
          code: operation.cause.code,
          endedAt: operation.endedAt,
        })
      : null,
  IN_PROGRESS: (facts) =>
    open(facts)
      ? reason('IN_PROGRESS', 'FACT', progress(facts.operation!), {
          state: facts.operation!.state,
          attempts: facts.operation!.attempts,
          cause: facts.operation!.cause?.code,
          since: facts.operation!.changedAt,
          nextAt: facts.operation!.dueAt,
        })
      : null,
  INSTALL_NOT_REQUESTED: (facts) =>
    confirmed(facts) && (facts.operation === null || facts.operation.state === 'CANCELLED') && facts.command === null
      ? reason(
          'INSTALL_NOT_REQUESTED',
          'FACT',
          'The device has a license, and nobody has asked Russet to install the app.',
        )
      : null,
};

/** Reasons in order, and the codes of those that were looked at and are not it. */
export interface Explained {
  reasons: Reason[];
  ruledOut: string[];
}

/** Why the app is on the device or is not. */
export function explainFacts(facts: ExplainFacts): Explained {
  const { installed, availability, now } = facts;
  const there = installed !== null && installed.managedStatus !== 'ManagedButUninstalled';
  if (there && installed.installing)
    return { reasons: [reason('INSTALLING', 'FACT', 'The device is loading the app.')], ruledOut: [] };
  if (there) {
    const listedAt = facts.enrollment?.listedAt;
    const list = listedAt ? `, by its list of ${said(listedAt)}` : '';
    const going = [rules.REMOVING!, rules.NOT_SEEN!].flatMap((rule) => (facts.removing && rule(facts)) || []);
    const verdict = going.length > 0 ? '' : ' Nothing is wrong.';
    const rest = reason('INSTALLED', 'FACT', `The app is installed${list}.${verdict}`, {
      version: installed.shortVersion,
      listedAt,
    });
    const staged = going.length > 0 ? null : stagedRollout(availability, now);
    return { reasons: [...going, ...(staged ? [staged] : []), rest], ruledOut: [] };
  }
  const found = Object.entries(rules).map(([code, rule]) => ({ code, found: rule(facts) }));
  const late = ({ code }: { code: string }) => Number(code === 'LICENSE_ENDED' && wentBack(facts));
  const ordered = [...found].sort((a, b) => late(a) - late(b));
  const reasons = ordered.flatMap((one) => (one.found ? [one.found] : []));
  const ruledOut = found.filter((one) => !one.found).map(({ code }) => code);
  if (reasons.length > 0) return { reasons, ruledOut };
  const unknown = reason(
    'UNKNOWN',
    'GUESS',
    'Nothing that Russet knows stands in the way. See what was ruled out, and look at the device.',
    { ruledOut: ruledOut.join(', '), state: facts.operation?.state },
  );
  return { reasons: [unknown], ruledOut };
}
