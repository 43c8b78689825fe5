/** Deployments as they are read. @module */
import type { Rows } from '../../db/rows.ts';
import { ids, moment, type Sql, sql } from '../../db/transaction.ts';
import { type IdWindow, idOrder, idWindow, inOrder } from '../id-window.ts';
import { isInstalled, isLicensed, isRefused, isUnmet, isWaiting, refusalHolds, wantedPairs } from './wanted.ts';

/** One deployment. */
export interface DeploymentRow {
  id: bigint;
  appId: bigint;
  groupId: bigint;
  mode: 'LICENSE_ONLY' | 'LICENSE_AND_INSTALL' | 'NONE';
  tokenId: bigint | null;
  rank: number;
  priority: number;
  /** Why none of its devices can be served; `since` is ISO 8601. */
  problem: { code: string; message: string; since: string } | null;
  createdAt: Date;
  updatedAt: Date;
}

const columns = sql`p.id, p.app_id AS "appId", p.group_id AS "groupId", p.mode::text AS mode, p.token_id AS "tokenId", p.rank, p.priority,
  p.problem, p.created_at AS "createdAt", p.updated_at AS "updatedAt"`;

/** The deployments with these ids, in no order. */
export function readDeployments(
  reader: Rows,
  organizationId: bigint,
  deploymentIds: readonly bigint[],
): Promise<DeploymentRow[]> {
  return reader.rows(sql`
    SELECT ${columns} FROM deployment p WHERE p.organization_id = ${organizationId} AND p.id = ANY (${ids(deploymentIds)})`);
}

/** Which deployments. */
export interface DeploymentFilter {
  appId: bigint | null;
  groupId: bigint | null;
}

const matches = (organizationId: bigint, { appId, groupId }: DeploymentFilter): Sql =>
  sql`p.organization_id = ${organizationId} AND (${appId}::bigint IS NULL OR p.app_id = ${appId}::bigint)
    AND (${groupId}::bigint IS NULL OR p.group_id = ${groupId}::bigint)`;

/** A page of deployments, oldest first. */
export async function listDeployments(
  reader: Rows,
  organizationId: bigint,
  filter: DeploymentFilter,
  window: IdWindow,
): Promise<DeploymentRow[]> {
  const rows = await reader.rows<DeploymentRow>(sql`
    SELECT ${columns} FROM deployment p WHERE ${matches(organizationId, filter)} ${idWindow(window, sql`p.id`)} ${idOrder(window, sql`p.id`)}`);
  return inOrder(rows, window);
}

/** How many deployments there are. */
export async function countDeployments(
  reader: Rows,
  organizationId: bigint,
  filter: DeploymentFilter,
): Promise<bigint> {
  const [row] = await reader.rows<{ count: bigint }>(
    sql`SELECT count(*) AS count FROM deployment p WHERE ${matches(organizationId, filter)}`,
  );
  return row!.count;
}

/** How far a deployment has come, in devices for which it is the one that counts. */
export interface Coverage {
  deploymentId: bigint;
  wanted: bigint;
  confirmed: bigint;
  pending: bigint;
  waiting: bigint;
  refused: bigint;
  /** Have the app, whoever installed it. */
  installed: bigint;
}

/** The coverage of deployments, one each, in their order. One statement for all of them. */
export async function readCoverage(
  reader: Rows,
  organizationId: bigint,
  now: Date,
  deploymentIds: readonly bigint[],
): Promise<Coverage[]> {
  const deployments = await readDeployments(reader, organizationId, deploymentIds);
  const appIds = [...new Set(deployments.map((deployment) => deployment.appId))];
  const confirmed = sql`EXISTS (SELECT 1 FROM license l WHERE l.organization_id = ${organizationId} AND l.app_id = w.app_id
    AND l.device_id = w.device_id AND l.ended_at IS NULL AND l.state = 'CONFIRMED')`;
  const licensed = isLicensed(organizationId);
  const rows = await reader.rows<Coverage>(sql`
    SELECT w.deployment_id AS "deploymentId", count(*) AS wanted, count(*) FILTER (WHERE ${confirmed}) AS confirmed,
      count(*) FILTER (WHERE ${licensed} AND NOT ${confirmed}) AS pending, count(*) FILTER (WHERE ${isWaiting(organizationId)}) AS waiting,
      count(*) FILTER (WHERE ${isUnmet(organizationId)} AND ${isRefused(organizationId, moment(now))}) AS refused,
      count(*) FILTER (WHERE ${isInstalled(organizationId)}) AS installed
    FROM (${wantedPairs(organizationId, appIds)}) w WHERE w.deployment_id = ANY (${ids(deploymentIds)}) GROUP BY 1`);
  const found = new Map(rows.map((row) => [row.deploymentId, row]));
  return deploymentIds.map(
    (deploymentId) =>
      found.get(deploymentId) ?? {
        deploymentId,
        wanted: 0n,
        confirmed: 0n,
        pending: 0n,
        waiting: 0n,
        refused: 0n,
        installed: 0n,
      },
  );
}

/** A device that could not be given its app. */
export interface RefusalRow {
  /** Of the device: the order of the list. */
  id: bigint;
  code: string;
  message: string;
  refusedAt: Date;
  retryAt: Date;
}

/** A page of the devices of one deployment that are refused now, by their ids. */
export async function listRefusals(
  reader: Rows,
  { organizationId, now }: { organizationId: bigint; now: Date },
  { id, appId }: Pick<DeploymentRow, 'id' | 'appId'>,
  window: IdWindow,
): Promise<RefusalRow[]> {
  const rows = await reader.rows<RefusalRow>(sql`
    SELECT r.device_id AS id, r.code, r.message, r.refused_at AS "refusedAt", r.retry_at AS "retryAt"
    FROM (${wantedPairs(organizationId, [appId])}) w
    JOIN deployment_refusal r ON r.organization_id = ${organizationId} AND r.app_id = w.app_id AND r.device_id = w.device_id
    WHERE w.deployment_id = ${id} AND ${isUnmet(organizationId)} AND ${refusalHolds(moment(now))} ${idWindow(window, sql`r.device_id`)} ${idOrder(window, sql`r.device_id`)}`);
  return inOrder(rows, window);
}
