import type { DeploymentRow } from '../domain/deployment/row.ts';
import { builder } from './builder.ts';

export const DeploymentRef = builder.objectRef<DeploymentRow>('Deployment');
