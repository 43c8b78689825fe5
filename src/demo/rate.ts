import type { TaskEvent } from './live.ts';

/** How fast a task gets on: units a second since its phase began; null until something was done in it. */
export function rateMeter(): (event: TaskEvent) => number | null {
  let start: { phase: string | null; completed: number; at: number } | null = null;
  return ({ at, task }) => {
    const [completed, moment] = [Number(task.completed), Date.parse(at)];
    if (start === null || start.phase !== task.phase || completed < start.completed) {
      start = { phase: task.phase, completed, at: moment };
    }
    const [done, seconds] = [completed - start.completed, (moment - start.at) / 1000];
    return done > 0 && seconds > 0 ? done / seconds : null;
  };
}
