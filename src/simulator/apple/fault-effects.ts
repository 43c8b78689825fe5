/** What ordered faults do to an answer. @module */
import type { Answer, Call } from './call.ts';
import { catalogError } from './catalog-error.ts';
import { errorBody, errorEntry } from './errors.ts';
import type { EventPlan } from './events.ts';
import type { Fault } from './faults.ts';

/** What a foreign claim says unless the order says otherwise. */
export const strangersClaim = { id: 'somebody-else', name: 'Another MDM', metadata: 'mdm.elsewhere.example' };

type FaultOf<Kind extends Fault['kind']> = Extract<Fault, { kind: Kind }>;

/** The first fault of a kind. */
export function faultOf<Kind extends Fault['kind']>(faults: readonly Fault[], kind: Kind): FaultOf<Kind> | undefined {
  return faults.find((fault): fault is FaultOf<Kind> => fault.kind === kind);
}

/** How long the faults hold an answer back. */
export function addedLatency(faults: readonly Fault[]): number {
  return faults.reduce((sum, fault) => sum + (fault.kind === 'latency' ? fault.ms : 0), 0);
}

/** The plan for the event that this write starts. */
export function eventPlanOf(faults: readonly Fault[]): EventPlan | undefined {
  return faultOf(faults, 'event')?.plan;
}

/** Changes of the world that happen just before the answer. */
export function disturbWorld(faults: readonly Fault[], call: Call): void {
  const claim = faultOf(faults, 'foreignMdmInfo');
  const limits = faultOf(faults, 'limits');
  if (claim && call.unit) call.unit.config = { ...call.unit.config, mdmInfo: claim.mdmInfo ?? strangersClaim };
  if (limits) call.world.setOptions({ limits: limits.limits });
  if (claim) call.world.changes++;
}

/** The answer of an `error` fault, in the form of the service that was called. */
export function orderedError(fault: FaultOf<'error'>, { operation, now }: Call): Answer {
  const body = errorBody(fault.errorNumber);
  const message = fault.message ?? body.errorMessage;
  const status = fault.status ?? errorEntry(fault.errorNumber).status;
  const answer: Answer =
    operation === 'readCatalog'
      ? catalogError(status, fault.errorNumber, message)
      : { status, body: { ...body, errorMessage: message } };
  if (fault.retryAfter !== undefined) answer.headers = { 'retry-after': String(fault.retryAfter) };
  if (fault.retryAfterDate !== undefined) {
    answer.headers = { 'retry-after': new Date(now + fault.retryAfterDate * 1000).toUTCString() };
  }
  return answer;
}

/** The answer with the fields that the faults bend. */
export function bendAnswer(faults: readonly Fault[], answer: Answer, freshId: () => string): Answer {
  if (typeof answer.body !== 'object' || answer.body === null) return answer;
  const fields = { ...answer.body } as Record<string, unknown>;
  for (const fault of faults) bendFields(fault, fields, freshId);
  return { ...answer, body: fields };
}

function bendFields(fault: Fault, fields: Record<string, unknown>, freshId: () => string): void {
  switch (fault.kind) {
    case 'patch':
      Object.assign(fields, fault.set);
      for (const name of fault.remove ?? []) delete fields[name];
      return;
    case 'unknownField':
      fields.someFieldOfTomorrow = { since: 'tomorrow' };
      return;
    case 'nextPageIndexAsString':
      if (fields.nextPageIndex !== undefined) fields.nextPageIndex = String(fields.nextPageIndex);
      return;
    case 'missingList':
      for (const name of ['assets', 'assignments', 'users', 'failures', 'subscriptions', 'admins']) delete fields[name];
      return;
    case 'versionChanges':
      if (fields.versionId !== undefined) fields.versionId = freshId();
      return;
    case 'totalPagesChanges':
      if (typeof fields.totalPages === 'number') fields.totalPages += fault.by ?? 1;
      return;
    default:
      return;
  }
}
