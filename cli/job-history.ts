/** Runs of a job, with how long they took as bars. */
import type { RunView } from '#client/jobs.ts';
import { table } from './print.ts';

const barMax = 20;

/** Runs as a table; the longest of them has the longest bar. Of a refused or waiting one there is none. */
export function historyTable(runs: readonly RunView[], width: number | undefined): string {
  const longest = Math.max(1, ...runs.map(({ duration_ms: ms }) => ms ?? 0));
  const rows = runs.map((run) => [
    run.scheduled_for.slice(0, 16).replace('T', ' '),
    run.state,
    run.cause,
    run.duration_ms === null ? '-' : span(run.duration_ms),
    '#'.repeat(Math.ceil(((run.duration_ms ?? 0) / longest) * barMax)),
    String(run.rows.written),
    String(run.rows.rejected),
    run.error
      ? `${run.error.code}: ${run.error.message}`
      : run.parts.failed > 0
        ? `${run.parts.failed} parts failed`
        : '',
  ]);
  return table(['DUE (UTC)', 'STATE', 'CAUSE', 'TOOK', '', 'ROWS', 'BAD', 'ERROR'], rows, width);
}

/** A duration as people say it: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`. */
export function span(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
