import type { AppForecast, NoForecast } from '../domain/app/forecast.ts';
import { AppRef } from './app-ref.ts';
import { builder } from './builder.ts';

const reasons: Record<NoForecast, string> = {
  NOT_HELD: 'No token holds the app.',
  UNLIMITED: 'It never runs out.',
  TOO_NEW: 'The app is known for less than 7 days.',
  NOT_RISING: 'No more licenses were given than came back.',
  FAR_AWAY: 'It lies more than ten years ahead.',
};

const NoForecastEnum = builder.enumType('NoForecastReason', {
  description: 'Why no day can be said.',
  values: Object.fromEntries(
    Object.entries(reasons).map(([name, description]) => [name, { value: name as NoForecast, description }]),
  ) as Record<NoForecast, { value: NoForecast; description: string }>,
});

const AppForecastRef = builder.objectRef<AppForecast>('AppForecast').implement({
  description:
    'When the licenses of an app run out if they go on being used as in the last 30 days, and from what that follows.',
  fields: (t) => ({
    runsOutOn: t.expose('runsOutOn', {
      type: 'DateTime',
      nullable: true,
      description:
        'The moment: now + available ÷ perDay; now when none is free. Null when it can not be said: `reason`.',
    }),
    reason: t.expose('reason', {
      type: NoForecastEnum,
      nullable: true,
      description: 'Why no day can be said; null when one is.',
    }),
    available: t.expose('available', {
      type: 'Count',
      nullable: true,
      description: 'Licenses that are free now in all tokens, reserves included; null when unlimited.',
    }),
    perDay: t.exposeFloat('perDay', { description: 'Licenses that were given less those that came back, a day.' }),
    given: t.expose('given', { type: 'Count', description: 'How many were given or found in these days.' }),
    returned: t.expose('returned', { type: 'Count', description: 'How many came back or failed in these days.' }),
    windowDays: t.exposeInt('windowDays', {
      description: 'How many days were looked at: 30, or since the app is known.',
    }),
  }),
});

builder.objectField(AppRef, 'forecast', (t) =>
  t.field({
    type: AppForecastRef,
    description: 'When its licenses run out at the pace of the last 30 days.',
    resolve: ({ id }, _args, { loaders, domain }) => loaders.forecasts.load({ appId: id, now: domain.clock.now() }),
  }),
);
