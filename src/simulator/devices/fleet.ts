/** All simulated devices, and the one schedule that they live by. @module */
import type { World } from '../apple/world.ts';
import { createRandom, type Random } from '../random.ts';
import { load } from './answers/install.ts';
import type { AppStep, Later, Scene } from './answers/types.ts';
import { checkOut, converse, enroll, updateToken } from './conversation.ts';
import { type DeviceAppState, isLoading, type SimulatedDevice } from './device.ts';
import { type Authority, createAuthority } from './identity.ts';
import { type FleetOrder, makeDevices } from './make.ts';
import { type FleetSnapshot, pack, unpack } from './pack.ts';
import { Schedule } from './scheduler.ts';
import { takeStep } from './steps.ts';
import { inProcess, overHttp, type Transport } from './transport.ts';

/** What a device speaks to its server for. */
export type Errand = 'connect' | 'enroll' | 'check-out' | 'leave-setup' | 'poll';

type Job =
  | { kind: Errand | 'back'; device: SimulatedDevice }
  | { kind: 'app'; device: SimulatedDevice; app: DeviceAppState; round: number; step: AppStep };

/** Where devices are enrolled: the server of the simulator, or another one. */
export interface OtherServer {
  doorUrl: string;
  certificateHeader: string;
}

/** Shortest and longest time between two looks at the schedule, in milliseconds. */
const [soonest, latest] = [5, 100];

export class Fleet {
  readonly devices = new Map<string, SimulatedDevice>();
  /** Conversations in all, and those that broke. */
  readonly counts = { conversations: 0, broken: 0, enrolled: 0 };
  readonly #byUdid = new Map<string, SimulatedDevice>();
  readonly #world: World;
  readonly #schedule = new Schedule<Job>();
  readonly #running = new Set<Promise<void>>();
  readonly #certificates = new Map<string, string>();
  #random: Random;
  #transport: Transport;
  #authority: Authority | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  /** Told when a conversation ends. */
  #ended: () => void = () => {};
  /** Told when a person accepts an invitation. */
  onInvitation: (device: SimulatedDevice, url: string) => void = () => {};

  constructor(world: World) {
    this.#world = world;
    this.#random = createRandom(world.seed + 21);
    this.#transport = inProcess(world.mdm);
    world.fleet = this;
  }

  /** Certificates of all devices come from here. */
  get authority(): Authority {
    this.#authority ??= createAuthority();
    return this.#authority;
  }

  /** Makes devices and lets them enroll. */
  make(order: FleetOrder): SimulatedDevice[] {
    const made = makeDevices(this.#world, order, new Set(this.devices.keys()));
    for (const device of made) this.put(device);
    if (order.enroll !== false) for (const device of made) this.plan(0, { kind: 'enroll', device });
    return made;
  }

  /** Takes a device in as it is. */
  put(device: SimulatedDevice): void {
    this.devices.set(device.serialNumber, device);
    this.#byUdid.set(device.udid, device);
    this.#world.changes++;
  }

  /** From now on devices speak to that server, or to the simulator's own again. */
  useServer(server: OtherServer | null): void {
    if (server === null) this.#transport = inProcess(this.#world.mdm);
    else this.#transport = overHttp(server.doorUrl, server.certificateHeader, (serial) => this.#certificateOf(serial));
  }

  /** A push for a device. Apple takes it whether the device can be reached or not. */
  wake(udid: string): string | undefined {
    const device = this.#byUdid.get(udid);
    if (!device) return undefined;
    const { pushDelayMs, pushJitterMs } = this.#world.options.fleet;
    if (device.offlineUntil > this.#world.now()) device.missedPush = true;
    else this.plan(pushDelayMs + this.#random.next() * pushJitterMs, { kind: 'connect', device });
    return undefined;
  }

  /** Puts something on the schedule, at a whole step. */
  plan(afterMs: number, job: Job): void {
    const { stepMs } = this.#world.options.fleet;
    this.#schedule.add(Math.ceil((this.#world.now() + afterMs) / stepMs) * stepMs, job);
  }

  /** From now on pushes do not reach a device; they are lost unless kept for its return. */
  goOffline(device: SimulatedDevice, forMs: number, keepsPush: boolean): void {
    device.offlineUntil = this.#world.now() + forMs;
    device.keepsPush = keepsPush;
    this.plan(forMs, { kind: 'back', device });
  }

  /** A device is back. */
  comeOnline(device: SimulatedDevice): void {
    device.offlineUntil = 0;
    const woken = device.missedPush && device.keepsPush;
    device.missedPush = false;
    if (woken) this.plan(0, { kind: 'connect', device });
  }

  nextAt(): number | undefined {
    return this.#schedule.nextAt();
  }

  /** Conversations under way and moments that are to come. */
  get open(): { talking: number; planned: number } {
    return { talking: this.#running.size, planned: this.#schedule.size };
  }

  /** Begins to look at the schedule by itself, in real time. */
  start(): void {
    this.#timer ??= setTimeout(() => this.#look(), soonest).unref();
  }

  /** Does everything that is due by now, with what follows from it, and waits until it is done. */
  async drive(): Promise<void> {
    for (;;) {
      this.#fill();
      if (this.#running.size > 0) await this.#nextEnd();
      else if (this.#world.mdm.messenger.open > 0) await this.#world.mdm.messenger.settle();
      else if ((this.#schedule.nextAt() ?? Number.POSITIVE_INFINITY) > this.#world.now()) return;
    }
  }

  /** Forgets all devices. */
  clear(): void {
    this.devices.clear();
    this.#byUdid.clear();
    this.#schedule.clear();
    this.#random = createRandom(this.#world.seed + 21);
  }

  snapshot(): FleetSnapshot {
    return { random: this.#random.state(), devices: [...this.devices.values()].map(pack) };
  }

  /** Puts devices back as a state file has them; what was under way begins anew. */
  restore({ random, devices }: FleetSnapshot): void {
    this.clear();
    this.#random.restore(random);
    for (const device of devices.map(unpack)) {
      this.put(device);
      if (device.offlineUntil > 0) this.#schedule.add(device.offlineUntil, { kind: 'back', device });
      this.plan(0, { kind: device.enrolled ? 'connect' : 'enroll', device });
      for (const app of device.apps.values()) if (isLoading(app.status)) load(this.scene(device), app);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.all(this.#running);
  }

  /** A look at what is to be done for one device. */
  scene(device: SimulatedDevice): Scene {
    return { world: this.#world, device, later: this.#later };
  }

  readonly #later: Later = {
    app: (device, app, afterMs, step) => this.plan(afterMs, { kind: 'app', device, app, round: app.round, step }),
    invitation: (device, url) => this.onInvitation(device, url),
  };

  #look(): void {
    this.#fill();
    const wait = (this.#schedule.nextAt() ?? Number.POSITIVE_INFINITY) - this.#world.now();
    this.#timer = setTimeout(() => this.#look(), Math.min(latest, Math.max(soonest, wait))).unref();
  }

  /** Until one of the conversations ends, for all who wait. A race of all of them would cost as many promises at each end. */
  #nextEnd(): Promise<void> {
    return new Promise((resolve) => {
      const others = this.#ended;
      this.#ended = () => {
        others();
        resolve();
      };
    });
  }

  #fill(): void {
    while (!this.#closed && this.#running.size < this.#world.options.fleet.concurrency) {
      const due = this.#schedule.takeDue(this.#world.now());
      if (!due) return;
      const running = this.#run(due.job);
      if (!running) continue;
      const tracked = running.finally(() => {
        this.#running.delete(tracked);
        const ended = this.#ended;
        this.#ended = () => {};
        ended();
      });
      this.#running.add(tracked);
    }
  }

  /** Apps change at once; whatever speaks to the server takes its time. */
  #run(job: Job): Promise<void> | undefined {
    const { device } = job;
    this.#world.changes++;
    if (job.kind === 'app') {
      const { app, round, step } = job;
      if (device.apps.get(app.bundleId) === app && app.round === round) takeStep(this.scene(device), app, step);
      return undefined;
    }
    const isThere = device.offlineUntil <= this.#world.now();
    if (job.kind === 'back') {
      if (isThere && device.offlineUntil > 0) this.comeOnline(device);
      return undefined;
    }
    if (job.kind === 'poll') this.plan(this.#world.options.fleet.pollMs ?? 60_000, { kind: 'poll', device });
    if (!isThere) return undefined;
    if (device.talking) {
      device.wokenAgain = true;
      return undefined;
    }
    return this.#talk(device, job.kind);
  }

  async #talk(device: SimulatedDevice, kind: Errand): Promise<void> {
    device.talking = true;
    try {
      if (kind === 'enroll') await this.#enroll(device);
      else if (kind === 'check-out') await checkOut(device, this.#transport);
      else if (kind === 'leave-setup') await updateToken(device, this.#transport);
      else if (device.enrolled) await this.#connect(device);
    } catch {
      this.#broke(device, kind);
    } finally {
      device.talking = false;
      // Whoever enrolls is offered nothing before it asks.
      if (device.wokenAgain || (kind === 'enroll' && device.enrolled)) this.plan(0, { kind: 'connect', device });
      device.wokenAgain = false;
    }
  }

  async #enroll(device: SimulatedDevice): Promise<void> {
    device.unsent = null;
    device.enrolled = await enroll(device, this.#transport);
    if (!device.enrolled) return this.#broke(device, 'enroll');
    this.counts.enrolled++;
    const { pollMs } = this.#world.options.fleet;
    if (pollMs !== null) this.plan(pollMs * this.#random.next(), { kind: 'poll', device });
  }

  async #connect(device: SimulatedDevice): Promise<void> {
    this.counts.conversations++;
    const ending = await converse(this.scene(device), this.#transport);
    if (ending === 'put-off') this.plan(this.#world.options.fleet.notNowRetryMs, { kind: 'connect', device });
    if (ending === 'broken') this.#broke(device, 'connect');
  }

  #broke(device: SimulatedDevice, kind: Errand): void {
    this.counts.broken++;
    if (kind !== 'poll') this.plan(this.#world.options.fleet.retryMs, { kind, device });
  }

  #certificateOf(serialNumber: string): string {
    const known = this.#certificates.get(serialNumber);
    if (known !== undefined) return known;
    const issued = this.authority.issue(serialNumber);
    this.#certificates.set(serialNumber, issued);
    return issued;
  }
}
