/**
 * `npm start`. Plain JavaScript, so that an old Node gets as far as the one line that says what is wrong.
 */
import module from 'node:module';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Trailkeep needs Node 22.18 or newer (this is ${process.versions.node}). On Linux, "npm ci && npm start" brings its own.`,
  );
  process.exit(1);
}
// What was stripped and compiled once serves the next start too.
module.enableCompileCache?.();
await import('./local.ts');
