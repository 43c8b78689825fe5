import { runFakeProgram } from './fake-program.ts';

runFakeProgram();
