import { runFakeProgram } from './fake-program.mjs';

runFakeProgram();
