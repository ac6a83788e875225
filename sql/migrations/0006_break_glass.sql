-- To be filled.
set local role trailkeep_owner;
