/** The CDK app: `cdk synth -c stage=dev|prod`. Bundles come first: `npm run bundle`. */
import { App } from 'aws-cdk-lib';
import { featureFlags } from '#lib/feature-flags.ts';
import { addPlatform } from '#lib/platform.ts';
import { settingsOf } from '#lib/settings.ts';

const app = new App({ context: featureFlags });
const stage = String(app.node.tryGetContext('stage') ?? 'dev');
const assets = String(app.node.tryGetContext('assets') ?? 'dist/functions');
addPlatform(app, settingsOf(stage), assets);
app.synth();
