"""Is what answers what was named? Adapters, forms and merges are proved before a score is believed."""
