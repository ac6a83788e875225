-- What dashboards ask often, summed beforehand.
set local role trailkeep_owner;
