/** The mutations of the load, and what an answer means. @module */
import type { ApiClient } from '../../support/process-client.ts';
import type { Operation } from './told.ts';

/** How the message of a {@link NoAnswerError} begins when nothing was reached. */
export const noConnection = 'no connection';

/** What a mutation answered: a task, or a typed refusal. */
export type Answer = { taskId: string; replayed: boolean } | { code: string };

/** Whatever was no answer: the connection broke, or the server had an error of its own. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

const documents: Record<Operation | 'cancel', string> = {
  associate: `mutation ($input: AssociateLicensesInput!) { result: associateLicenses(input: $input) {
    ... on AssociateLicensesPayload { replayed task { id } } ... on UserError { code } } }`,
  revoke: `mutation ($input: RevokeLicensesInput!) { result: revokeLicenses(input: $input) {
    ... on RevokeLicensesPayload { replayed task { id } } ... on UserError { code } } }`,
  assignSeats: `mutation ($input: AssignSeatsInput!) { result: assignSeats(input: $input) {
    ... on AssignSeatsPayload { replayed task { id } } ... on UserError { code } } }`,
  removeSeats: `mutation ($input: RemoveSeatsInput!) { result: removeSeats(input: $input) {
    ... on RemoveSeatsPayload { replayed task { id } } ... on UserError { code } } }`,
  retry: `mutation ($input: RetryTaskInput!) { result: retryTask(input: $input) {
    ... on RetryTaskPayload { task { id } } ... on UserError { code } } }`,
  cancel: `mutation ($input: CancelTaskInput!) { result: cancelTask(input: $input) {
    ... on CancelTaskPayload { task { id } } ... on UserError { code } } }`,
  sync: `mutation ($input: SyncLicensesInput!) { result: syncLicenses(input: $input) {
    ... on SyncLicensesPayload { syncs { task { id } } } ... on UserError { code } } }`,
};

interface Result {
  code?: string;
  replayed?: boolean;
  task?: { id: string };
  syncs?: { task: { id: string } }[];
}

/** Sends a mutation once. Throws {@link NoAnswerError}. */
export async function mutate(api: ApiClient, operation: Operation | 'cancel', input: object): Promise<Answer> {
  const { result } = await tell(api, documents[operation], { input });
  if (result.code) return { code: result.code };
  const taskId = result.task?.id ?? result.syncs?.[0]?.task.id;
  if (!taskId) throw new NoAnswerError(`${operation}: an answer without a task: ${JSON.stringify(result)}`);
  return { taskId, replayed: result.replayed ?? false };
}

async function tell(api: ApiClient, query: string, variables: Record<string, unknown>): Promise<{ result: Result }> {
  let text: string;
  try {
    text = (await api.send(query, variables)).text;
  } catch (error) {
    throw new NoAnswerError(`${noConnection}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    // A client keeps its answers, and the load goes on for minutes.
    api.answers.length = 0;
  }
  const { data, errors } = parse(text);
  if (errors || !data) throw new NoAnswerError(text.slice(0, 500));
  return data;
}

function parse(text: string): { data?: { result: Result } | null; errors?: unknown } {
  try {
    return JSON.parse(text);
  } catch {
    return { errors: text };
  }
}
