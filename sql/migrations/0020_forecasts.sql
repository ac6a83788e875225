-- Forecasts: what was foretold, by what, and how it turned out.
set local role trailkeep_owner;
