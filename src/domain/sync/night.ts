/** When it is night somewhere. @module */

const hour = 3_600_000;
const day = 24 * hour;
/** So many hours long is the night in which libraries are read whole; each has its own moment in it. */
const nightHours = 4;

/**
 * The next moment of the night, which begins at `startHour` in the time zone. `share`, from 0 to 1, is the place in the
 * night: a thousand libraries never come together, and one comes at about the same time each night.
 */
export function nextNight(timeZone: string, startHour: number, share: number, now: Date): Date {
  const into = startHour * hour + share * nightHours * hour;
  const offset = offsetOf(timeZone, now);
  const local = now.getTime() + offset;
  let midnight = Math.floor(local / day) * day;
  for (;;) {
    // The offset of that moment, not of this one: the clocks may change tonight.
    const guess = midnight + into - offset;
    const at = Math.round(midnight + into - offsetOf(timeZone, new Date(guess)));
    if (at > now.getTime()) return new Date(at);
    midnight += day;
  }
}

/** Milliseconds by which clocks in the time zone are ahead of UTC. */
function offsetOf(timeZone: string, at: Date): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(at);
  const part = (type: Intl.DateTimeFormatPartTypes) => Number(parts.find((one) => one.type === type)!.value);
  const local = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
  return local - Math.floor(at.getTime() / 1000) * 1000;
}
