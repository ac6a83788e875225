-- Overrides, adjustments, statements and lineage: what people changed about figures, and where figures come from.
set local role trailkeep_owner;
