/** Everything the simulator remembers, in one place: options, libraries, tokens, events, faults, journal. @module */
import type { Clock } from '../../lib/clock.ts';
import { MdmServer } from '../devices/mdm/server.ts';
import { Journal } from '../journal.ts';
import { Courier } from '../notify/courier.ts';
import { cutIntoDrafts } from '../notify/cut.ts';
import type { Draft } from '../notify/delivery.ts';
import { dispatch } from '../notify/dispatch.ts';
import { Outbox } from '../notify/outbox.ts';
import { applyOptions, type OptionsPatch, type SimulatorOptions } from '../options.ts';
import { createRandom, type Random } from '../random.ts';
import type { CatalogItem, DeviceSpec, OrganizationalUnitSpec, Scenario, TokenSpec } from '../scenarios/types.ts';
import type { Subscription } from '../subscriptions/book.ts';
import { tellOfPeriodEnd } from '../subscriptions/period-end.ts';
import { runSubscriptionTask } from '../subscriptions/tasks.ts';
import type { DeveloperKey } from './developer-keys.ts';
import { runTask } from './event-tasks.ts';
import { type AppleEvent, EventEngine, type EventTask, type TaskOutcome } from './events.ts';
import { FaultRegistry } from './faults.ts';
import { type ClientConfig, OrganizationalUnit } from './organizational-unit.ts';
import { RateMeter } from './rate-meter.ts';
import { type ContentToken, daysAfter, mintToken } from './tokens.ts';
import { isUserEvent, runUserTask } from './user-tasks.ts';

/** The devices of a simulator, as far as the rest of it knows them. */
export interface FleetPort {
  /** A push for the device with that UDID; gives why it failed. */
  wake(udid: string): string | undefined;
  clear(): void;
}

/** The memory of one simulator. */
export class World {
  readonly clock: Clock;
  readonly seed: number;
  options: SimulatorOptions;
  /** Where this simulator is reached; set when it listens. */
  baseUrl = '';
  readonly journal = new Journal();
  faults: FaultRegistry;
  random: Random;
  engine: EventEngine;
  outbox: Outbox;
  readonly courier: Courier;
  readonly mdm: MdmServer;
  /** Set by the fleet when there is one. */
  fleet: FleetPort | undefined;
  rate = new RateMeter();
  scenario: Scenario;
  catalog = new Map<string, CatalogItem>();
  units = new Map<string, OrganizationalUnit>();
  tokens: ContentToken[] = [];
  devices: DeviceSpec[] = [];
  /** Keys whose developer tokens open the catalog. */
  developerKeys: DeveloperKey[] = [];
  /** Rises with every change that a state file should hold. */
  changes = 0;

  constructor(clock: Clock, seed: number, options: SimulatorOptions, scenario: Scenario) {
    this.clock = clock;
    this.seed = seed;
    this.options = options;
    this.random = createRandom(seed);
    this.faults = new FaultRegistry(createRandom(seed + 1));
    this.engine = this.#createEngine();
    this.outbox = this.#createOutbox();
    this.courier = new Courier(this);
    this.mdm = new MdmServer({
      options: () => this.options.mdm,
      now: () => this.clock.now(),
      seed,
      wake: (udid) => this.fleet?.wake(udid),
    });
    this.scenario = scenario;
    this.load(scenario);
  }

  /** The present in milliseconds. */
  now(): number {
    return this.clock.now().getTime();
  }

  /** Forgets everything but options and journal, and starts the scenario. */
  load(scenario: Scenario): void {
    this.empty(scenario);
    for (const spec of scenario.organizationalUnits) this.addUnit(spec);
    for (const token of scenario.tokens) this.#addToken(token);
  }

  /** An empty world that belongs to a scenario: no library and no token yet. */
  empty(scenario: Scenario): void {
    this.scenario = scenario;
    this.random.restore(this.seed);
    this.faults.clear();
    this.engine = this.#createEngine();
    this.outbox = this.#createOutbox();
    this.rate = new RateMeter();
    this.catalog = new Map(scenario.catalog.map((item) => [item.adamId, { ...item }]));
    this.units = new Map();
    this.tokens = [];
    this.devices = [...scenario.devices];
    this.developerKeys = [...this.options.developerKeys];
    this.mdm.clear();
    this.fleet?.clear();
    this.changes++;
  }

  /** Adds a library with everything it holds. */
  addUnit(spec: OrganizationalUnitSpec): OrganizationalUnit {
    const unit = new OrganizationalUnit(spec);
    unit.history.lagMs = this.options.countLagSeconds * 1000;
    for (const asset of spec.assets) unit.putAsset(asset);
    for (const user of spec.users) unit.users.put(user);
    const now = this.now();
    for (const { adamId, pricingParam, serialNumber, clientUserId } of spec.assignments) {
      const target = serialNumber === undefined ? userTarget(clientUserId) : deviceTarget(serialNumber);
      const outcome = unit.associate(adamId, pricingParam ?? 'STDQ', target, now);
      if (outcome !== 'done') throw new Error(`scenario: ${adamId} for ${target.id} in ${spec.uId}: ${outcome}`);
    }
    this.units.set(spec.uId, unit);
    return unit;
  }

  /** Changes options for everything that follows. */
  setOptions(patch: OptionsPatch): void {
    this.settle();
    this.options = applyOptions(this.options, patch);
    this.changes++;
    for (const unit of this.units.values()) unit.history.lagMs = this.options.countLagSeconds * 1000;
  }

  /** Does all event work that is due by now. */
  settle(): void {
    const now = this.now();
    for (let end = this.#nextPeriodEnd(); end && end.at <= now; end = this.#nextPeriodEnd()) {
      this.engine.settle(end.at);
      this.#endPeriod(end.unit, end.subscription);
    }
    this.engine.settle(now);
  }

  #nextPeriodEnd() {
    let first: { at: number; unit: OrganizationalUnit; subscription: Subscription } | undefined;
    for (const unit of this.units.values()) {
      for (const subscription of unit.book.subscriptions.values()) {
        const at = subscription.periodEnd;
        if (subscription.status !== 'INACTIVE' && (!first || at < first.at)) first = { at, unit, subscription };
      }
    }
    return first;
  }

  #endPeriod(unit: OrganizationalUnit, subscription: Subscription): void {
    const { uId, book } = unit;
    for (const { draft, at } of tellOfPeriodEnd(uId, book, book.endPeriod(subscription))) this.notify(draft, at);
    this.changes++;
  }

  /** When something happens next without being asked. */
  nextEventAt(): number | undefined {
    if (!this.#anybodyListens()) return undefined;
    const moments = [this.engine.nextAt(), this.#nextPeriodEnd()?.at].filter((at) => at !== undefined);
    return moments.length > 0 ? Math.min(...moments) : undefined;
  }

  /** What a client stored for a library. */
  configOf(uId: string): ClientConfig | undefined {
    return this.units.get(uId)?.config;
  }

  /** Tells a library's client, if it subscribed to that. */
  notify(draft: Draft, at: number): void {
    const config = this.configOf(draft.uId);
    if (!wants(config, draft.type)) return;
    const fixed = this.options.notificationAddress === 'when-queued';
    const address = { url: config!.notificationUrl!, token: config!.notificationAuthToken! };
    dispatch(this.outbox, this.options, fixed ? { ...draft, address } : draft, at);
    this.changes++;
  }

  #anybodyListens(): boolean {
    for (const { config } of this.units.values()) if (config.notificationUrl) return true;
    return false;
  }

  #tellOfBatch(event: AppleEvent, outcomes: readonly TaskOutcome[], at: number): void {
    const unit = this.units.get(event.uId);
    if (!unit?.config.notificationUrl) return;
    const { notificationRowsMax: rowsMax } = this.options;
    const userOf = (clientUserId: string) => unit.users.current(clientUserId);
    for (const draft of cutIntoDrafts(event, outcomes, { rowsMax, userOf })) this.notify(draft, at);
  }

  #createOutbox(): Outbox {
    return new Outbox(createRandom(this.seed + 2));
  }

  #addToken(spec: TokenSpec): void {
    const expiresAt = daysAfter(this.now(), spec.expiresInDays);
    this.tokens.push(mintToken({ ...spec, expiresAt }, this.random));
  }

  #run(event: AppleEvent, task: EventTask, at: number): number | undefined {
    const unit = this.units.get(event.uId)!;
    const { options, random } = this;
    if (isUserEvent(event.type)) return runUserTask({ unit, options, random, at }, event.type, task.user!);
    if (event.subscription) return runSubscriptionTask(unit, options, event, task);
    return runTask(unit, options, event, { asset: task.asset!, target: task.target }, at);
  }

  #createEngine(): EventEngine {
    return new EventEngine(
      (event, task, at) => {
        this.changes++;
        return this.#run(event, task, at);
      },
      () => ({
        batchMs: this.options.eventBatchMs,
        batchSize: this.options.eventBatchSize,
        order: this.options.eventOrder,
        retentionMs: this.options.eventRetentionMs,
      }),
      (event, outcomes, at) => this.#tellOfBatch(event, outcomes, at),
    );
  }
}

function wants(config: ClientConfig | undefined, type: string): boolean {
  return Boolean(config?.notificationUrl && config.notificationTypes?.includes(type));
}

/** A device as a target. */
export function deviceTarget(serialNumber: string): { kind: 'serialNumber'; id: string } {
  return { kind: 'serialNumber', id: serialNumber };
}

/** A user as a target. */
export function userTarget(clientUserId: string | undefined): { kind: 'clientUserId'; id: string } {
  if (clientUserId === undefined) throw new Error('an assignment needs a serialNumber or a clientUserId');
  return { kind: 'clientUserId', id: clientUserId };
}
