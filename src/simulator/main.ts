/** The simulator as a program. `--help` lists what it takes. @module */
import { createLogger } from '../lib/logger.ts';
import { readArguments, usage } from './arguments.ts';
import { createSimulator } from './index.ts';
import { fleetApps } from './scenarios/fleet-apps.ts';
import { buildScenario } from './scenarios/index.ts';

const settings = readArguments(process.argv.slice(2));
if (settings.help) {
  process.stdout.write(usage);
} else {
  await run();
}

async function run(): Promise<void> {
  const { port, host, seed, scenario, licenses, devices, fleet, options, stateFile } = settings;
  const simulator = createSimulator({
    ...options,
    seed,
    scenario: buildScenario(scenario, seed, { licenses, devices }),
    logger: createLogger({ level: 'warn', name: 'simulator' }),
    stateFile,
  });
  const { url } = await simulator.listen(port, host);
  // Those of the state file come first.
  const missing = (fleet ?? 0) - simulator.admin.fleet.state().devices;
  if (missing > 0) simulator.admin.fleet.make({ devices: missing, apps: [...fleetApps] });
  process.stdout.write(`${JSON.stringify({ ready: true, url })}\n`);
  process.send?.({ type: 'ready', url });

  let ending = false;
  const end = () => {
    if (ending) return;
    ending = true;
    void simulator.close().then(() => process.exit(0));
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  process.on('disconnect', end);
}
