/** What a rule group may ask of a device: a closed list, each looked up by one expression. @module */
import { z } from 'zod';
import { type Sql, sql } from '../../db/transaction.ts';

const version = z
  .string()
  .trim()
  .max(40)
  .regex(/^\d+(\.\d+)*$/, 'is not a version, e.g. 17.4');

/** Each part that is present must hold. */
export const ruleSchema = z
  .object({
    families: z
      .array(z.enum(['IPAD', 'IPHONE', 'IPOD', 'MAC', 'APPLE_TV', 'VISION', 'UNKNOWN']))
      .min(1)
      .max(7)
      .nullish(),
    osVersionMin: version.nullish(),
    osVersionMax: version.nullish(),
    namePrefix: z.string().min(1).max(200).nullish(),
    supervised: z.boolean().nullish(),
  })
  .strict()
  .transform((rule) => Object.fromEntries(Object.entries(rule).filter(([, part]) => part != null)) as DeviceRule)
  .refine((rule) => Object.keys(rule).length > 0, 'ask for something: a rule without a condition would hold for all');

/** A rule as it is stored: only what it asks for. */
export interface DeviceRule {
  families?: string[];
  /** The lowest system version, itself included; versions are compared number by number. */
  osVersionMin?: string;
  /** The highest, itself and everything that begins with it included: 17 holds for 17.4.1. */
  osVersionMax?: string;
  /** Whatever the case. */
  namePrefix?: string;
  supervised?: boolean;
}

/** Whether device `d` is as the rule wants it. What is not known of a device is never as wanted. */
function ruleHolds(rule: Sql): Sql {
  const own = sql`version_numbers(d.os_version)`;
  const max = sql`string_to_array(${rule} ->> 'osVersionMax', '.')::numeric[]`;
  return sql`(
    (NOT ${rule} ? 'families' OR ${rule} -> 'families' ? d.family::text)
    AND (NOT ${rule} ? 'osVersionMin' OR coalesce(${own} >= version_numbers(${rule} ->> 'osVersionMin'), false))
    AND (NOT ${rule} ? 'osVersionMax' OR coalesce((${own})[:cardinality(${max})] <= ${max}, false))
    AND (NOT ${rule} ? 'namePrefix' OR coalesce(starts_with(lower(d.name), lower(${rule} ->> 'namePrefix')), false))
    AND (NOT ${rule} ? 'supervised' OR coalesce(d.supervised = (${rule} ->> 'supervised')::boolean, false)))`;
}

/** Whether device `d` is as the rule `r.rule` wants it. */
export const asRuled = ruleHolds(sql`r.rule`);

/** Whether device `d` is as the rule of the rule group `g` wants it. */
export const asRuledByGroup = ruleHolds(sql`g.rule`);

/** Whether device `d` is in group `g`. */
export const inGroup = sql`CASE g.kind
  WHEN 'STATIC' THEN EXISTS (SELECT 1 FROM device_group_member m
    WHERE m.organization_id = d.organization_id AND m.group_id = g.id AND m.device_id = d.id)
  ELSE ${asRuledByGroup} END`;

/** Groups are of devices on the organization's list. */
export const isListed = sql`d.removed_at IS NULL AND d.origin <> 'LICENSE'`;
