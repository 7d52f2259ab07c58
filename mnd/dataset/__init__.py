"""Many photos: what there is to do, workers that do it, and a manifest that says what was done."""
