/** How long updates wait, for what. Named and in milliseconds. @module */

const minute = 60_000;
const hour = 60 * minute;

/** Nothing begins so shortly before a window closes: what a device was given can't be taken back. */
export const margin = 10 * minute;
/** An answer proves for so long that the device is there. */
export const freshFor = 10 * minute;
/** Questions that are younger count as under way; a device that is off holds nobody else up. */
export const askedFor = 5 * minute;
/**
 * A device that does not answer its install command holds a place for so long: one that works on it holds it until it is done.
 * More than the cap may be under way when several come back at once, but devices that went off do not stop all others for days.
 */
export const placeFor = hour;
/** A device that could not be asked is asked again then. */
export const askAgain = 5 * minute;
/** How often open runs are looked at although nobody rang. */
export const lookAgain = 30_000;
/** Waits after a try that did not bring the version: 1, 6 and then 24 hours. */
export const retryWaits = [hour, 6 * hour, 24 * hour] as const;
