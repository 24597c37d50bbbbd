/**
 * Random cases. `npm test` draws them by the commit, so that what passes here passes for CI and another commit tries others;
 * a file that is run by itself draws new ones each time.
 */
import fc from 'fast-check';

const seed = process.env['NYDUSIFY_SEED'];
fc.configureGlobal({ ...fc.readConfigureGlobal(), ...(seed === undefined ? {} : { seed: Number(seed) }) });

export { fc };
