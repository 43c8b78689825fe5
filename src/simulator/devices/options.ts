/** How fast and how nicely simulated devices behave. Durations are in milliseconds of the simulator's clock. @module */

/** Options of all devices; all of them can change while they run. */
export interface FleetOptions {
  /** From a push until the device connects. */
  pushDelayMs: number;
  /** Up to so much more, by the seed. */
  pushJitterMs: number;
  /** Until a device whose last word was NotNow connects again by itself. */
  notNowRetryMs: number;
  /** Until a device connects again whose answer was not taken. */
  retryMs: number;
  /** Every device connects by itself so often; null for never, as without a push nothing happens. */
  pollMs: number | null;
  /** A download and its installation at speed 1. */
  installMs: number;
  /** Until a person agrees to a prompt; null for never. */
  promptMs: number | null;
  /** From the release of a version until devices say `HasUpdateAvailable`. */
  updateNoticeMs: number;
  /** From a license until the store tells the device of it; before that installs fail with 9610. */
  propagationMs: number;
  /** Up to so much more, different for each device and app. */
  propagationJitterMs: number;
  /** What a device without a license answers. */
  withoutLicense: '9610' | '12064' | '2605 and 12064';
  /** Devices that connect at once. */
  concurrency: number;
  /**
   * What devices do falls on multiples of this: on a virtual clock, which stops at every moment, thousands do then at once
   * what each would do at a moment of its own.
   */
  stepMs: number;
}

/** What holds until somebody says otherwise: quick enough to watch. */
export const defaultFleetOptions: FleetOptions = {
  pushDelayMs: 200,
  pushJitterMs: 300,
  notNowRetryMs: 5_000,
  retryMs: 2_000,
  pollMs: null,
  installMs: 4_000,
  promptMs: 10_000,
  updateNoticeMs: 20_000,
  propagationMs: 0,
  propagationJitterMs: 0,
  withoutLicense: '2605 and 12064',
  concurrency: 64,
  stepMs: 1,
};
