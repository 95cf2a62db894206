"""Who answers? Specs, backends, and the plan that turns many requests into few batches."""
