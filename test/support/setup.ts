/** Before each test file: property tests draw the same cases in every run; a new seed is a change of its own. */
import fc from 'fast-check';

fc.configureGlobal({ seed: 20_261_121 });
