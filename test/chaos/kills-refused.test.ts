import { killThemAllTheTime } from './support/kills.ts';

killThemAllTheTime('failure');
