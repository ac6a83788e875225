/** `npm run bundle`: every function into dist/functions. */
import { bundleFunctions } from '#local/bundle.ts';

const { outDir, changed } = await bundleFunctions();
console.log(`${outDir}: ${changed ? 'bundled' : 'up to date'}`);
