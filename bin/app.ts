/**
 * The CDK app: `cdk synth -c stage=dev|prod`. Bundles come first: `npm run bundle`. With `-c witness=own` the stack of
 * a witness is there as well, for another account.
 */
import { App } from 'aws-cdk-lib';
import { featureFlags } from '#lib/feature-flags.ts';
import { addPlatform } from '#lib/platform.ts';
import { settingsOf } from '#lib/settings.ts';
import { addWitness } from '#lib/witness-stack.ts';

const app = new App({ context: featureFlags });
const stage = String(app.node.tryGetContext('stage') ?? 'dev');
const assets = String(app.node.tryGetContext('assets') ?? 'dist/functions');
addPlatform(app, settingsOf(stage), assets);
if (app.node.tryGetContext('witness') === 'own') addWitness(app, settingsOf(stage), assets);
app.synth();
